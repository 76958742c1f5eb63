"""Trees as text, rich and JSON."""

from __future__ import annotations

import json

from rich.console import Console

from regrow.actors.child_spec import ChildSpec, ChildType, Isolation, Restart, Start
from regrow.actors.describe import Description
from regrow.observe.nodes import Node, node_from_json, node_of_description, node_of_spec, walk
from regrow.observe.tree_view import json_text, plain_text, rich_tree
from regrow.supervision import (
    AutoShutdown,
    DynamicSpec,
    PartitionSpec,
    SupervisorSpec,
    dynamic_supervisor_child,
    partition_supervisor_child,
)

LIVE = Description(
    name="shop",
    urn="urn:1",
    kind="regrow.supervision.supervisor.Supervisor",
    state="running",
    incarnation=1,
    uptime=3600.0,
    children=[
        Description(
            name="db",
            child_id="db",
            urn="urn:2",
            kind="shop.db.Database",
            state="backoff",
            incarnation=4,
            restarts=3,
            reason="crash: ValueError: no disk\nmore",
            details={"next_restart_in": 0.4},
        ),
        Description(
            name="model",
            child_id="model",
            urn="urn:3",
            kind="shop.model.Model",
            state="running",
            incarnation=1,
            pid=4711,
            uptime=90.0,
            waiting_messages=7,
        ),
    ],
)


def rows(*lines: str) -> str:
    return "\n".join(lines)


def test_a_live_tree_is_drawn_one_row_a_node() -> None:
    assert plain_text(node_of_description(LIVE)) == rows(
        "shop  running  Supervisor  up 1h",
        "├── db  backoff  Database  3 restarts, next restart in 400ms, last ended: crash: ValueError: no disk",
        "└── model  running  Model  pid 4711, up 1m30s, 7 messages wait",
    )


def test_the_rich_tree_says_the_same() -> None:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(rich_tree(node_of_description(LIVE)))
    assert "db  backoff  Database  3 restarts, next restart in 400ms" in captured.get()


def test_paths_are_made_of_child_ids_from_the_root_on() -> None:
    node = node_of_description(LIVE, path="worker")
    assert [found.path for found in walk(node)] == ["worker", "worker/db", "worker/model"]


def test_json_can_be_read_back() -> None:
    node = node_of_description(LIVE)
    assert node_from_json(json.loads(json_text(node))) == node


def test_unknown_keys_of_a_newer_side_are_passed_over() -> None:
    assert node_from_json({"path": "a", "name": "a", "shoe_size": 43}) == Node(path="a", name="a")


def test_a_described_tree_says_what_its_spec_says() -> None:
    inner = SupervisorSpec(children=[ChildSpec(id="reader", start=Start("shop.pool:Reader"))])
    spec = SupervisorSpec(
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        children=[
            ChildSpec(id="pool", start=Start(Node, (inner,)), type=ChildType.SUPERVISOR),
            ChildSpec(id="job", start=Start("shop.job:Job"), restart=Restart.TRANSIENT, significant=True),
            ChildSpec(id="link", start=Start("shop:link"), type=ChildType.SUPERVISOR, isolation=Isolation.PROCESS),
        ],
    )
    assert plain_text(node_of_spec(spec, root="shop")) == rows(
        "shop  supervisor  one_for_one, 3 restarts in 5s, auto_shutdown any_significant",
        "├── pool  supervisor  permanent, thread, shutdown infinity, one_for_one, 3 restarts in 5s",
        "│   └── reader  shop.pool:Reader  permanent, thread, shutdown 5s",
        "├── job  shop.job:Job  transient, thread, shutdown 5s, significant",
        "└── link  shop:link  permanent, process, shutdown infinity, its children are known when it runs",
    )


def test_supervisors_of_one_kind_of_child_show_its_template() -> None:
    template = ChildSpec(id="one", start=Start("shop.web:Session"), restart=Restart.TEMPORARY)
    spec = SupervisorSpec(
        children=[
            dynamic_supervisor_child("crowd", DynamicSpec(max_children=9, template=template)),
            dynamic_supervisor_child("any", DynamicSpec()),
            partition_supervisor_child(PartitionSpec(name="carts", partitions=1, child=template)),
            partition_supervisor_child(PartitionSpec(name="more", child=template)),
        ]
    )
    one = "one  shop.web:Session  template, temporary, thread, shutdown 5s"
    common = "permanent, thread, shutdown infinity"
    assert plain_text(node_of_spec(spec, root="shop")) == rows(
        "shop  supervisor  one_for_one, 3 restarts in 5s",
        f"├── crowd  dynamic supervisor  {common}, at most 9 children, 3 restarts in 5s",
        f"│   └── {one}",
        f"├── any  dynamic supervisor  {common}, 3 restarts in 5s",
        f"├── carts  partition supervisor  {common}, 1 partition, one_for_one, 3 restarts in 5s",
        f"│   └── {one}",
        f"└── more  partition supervisor  {common}, as many partitions as processors, one_for_one, 3 restarts in 5s",
        f"    └── {one}",
    )
