"""What a child is told in effect, and where each value comes from."""

from __future__ import annotations

import pytest

from regrow.actors.child_spec import ChildSpec, Restart, Start
from regrow.supervision import Backoff, RestartIntensity, Supervisor, SupervisorSpec, supervisor_child
from regrow.supervision.policy import Policy, PolicyError, parse_policy
from regrow.supervision.policy.explain import CODE, DEFAULT, Setting, explain, paths_of
from regrow.supervision.policy.setting_values import shown

FILE = """\
[preset.patient]
shutdown = "1m"
backoff = { cap = "1m" }
[preset.small]
extends = "patient"
limits = { nice = 4 }
[tree]
name = "shop"
backoff = { base = "300ms" }
[[tree.child]]
id = "db"
start = "json.decoder:JSONDecoder"
preset = "small"
isolation = "process"
limits = { open_files = 9 }
[[tree.child]]
id = "cache"
command = ["redis-server", "--port", "1"]
env = { A = "1", B = "1" }
[[tree.child]]
id = "pool"
type = "supervisor"
isolation = "process"
child_backoff = { cap = "2m" }
  [[tree.child.child]]
  id = "reader"
  start = "shop.pool:Reader"
  [[tree.child.child]]
  id = "writer"
  start = "shop.pool:Writer"
  backoff = { initial = "1s" }
[policy."shop/*"]
restart = "transient"
[policy."shop/pool/*"]
backoff = { jitter = "none", base = "1s" }
[policy."shop/pool/reader"]
backoff = { base = "2s" }
[policy."shop/cache"]
env = { B = "2" }
stop_signal = "INT"
"""


def explained(text: str, path: str, *more: str) -> dict[str, Setting]:
    policies = [parse_policy(text, file="p.toml"), *(parse_policy(one, file=f"{i}.toml") for i, one in enumerate(more))]
    spec = policies[0].tree()
    for policy in policies[1:]:
        spec = policy.apply(spec, policies[0].root)
    return {setting.key: setting for setting in explain(spec, policies, path, root=policies[0].root)}


def lines(settings: dict[str, Setting], *keys: str) -> list[str]:
    return [f"{key} = {shown(key, settings[key].value)}  {settings[key].origin}" for key in keys]


def test_every_value_comes_with_the_line_that_says_it_or_is_a_default() -> None:
    found = explained(FILE, "shop/db")
    assert lines(found, "start", "type", "restart", "shutdown", "significant", "isolation") == [
        "start = json.decoder:JSONDecoder  p.toml:12  tree.child[0].start",
        "type = worker  default",
        'restart = transient  p.toml:33  policy."shop/*".restart',
        "shutdown = 1m  p.toml:2  preset.patient.shutdown",
        "significant = false  default",
        "isolation = process  p.toml:14  tree.child[0].isolation",
    ]
    assert lines(found, "backoff.base", "backoff.cap", "backoff.factor", "limits.nice", "limits.open_files") == [
        "backoff.base = 300ms  p.toml:9  tree.backoff.base",
        "backoff.cap = 1m  p.toml:3  preset.patient.backoff.cap",
        "backoff.factor = 2.0  default",
        "limits.nice = 4  p.toml:6  preset.small.limits.nice",
        "limits.open_files = 9  p.toml:15  tree.child[0].limits.open_files",
    ]


def test_in_another_process_too_the_most_special_of_the_patterns_is_named() -> None:
    found = explained(FILE, "shop/pool/reader")
    assert lines(found, "backoff.base", "backoff.jitter", "backoff.cap") == [
        'backoff.base = 2s  p.toml:37  policy."shop/pool/reader".backoff.base',
        'backoff.jitter = none  p.toml:35  policy."shop/pool/*".backoff.jitter',
        "backoff.cap = 2m  p.toml:24  tree.child[2].child_backoff.cap",
    ]


def test_a_supervisor_has_what_it_is_told_itself_and_what_holds_for_its_children() -> None:
    found = explained(FILE, "shop/pool")
    assert lines(found, "type", "backoff.cap", "child_backoff.cap", "child_backoff.base", "strategy") == [
        "type = supervisor  p.toml:22  tree.child[2].type",
        "backoff.cap = 30s  default",
        "child_backoff.cap = 2m  p.toml:24  tree.child[2].child_backoff.cap",
        "child_backoff.base = 300ms  p.toml:9  tree.backoff.base",
        "strategy = one_for_one  default",
    ]
    root = explained(
        FILE, "shop", '[policy."shop"]\nchild_backoff = { cap = "9s" }\nintensity = { max_restarts = 9 }\n'
    )
    assert lines(root, "backoff.cap", "backoff.base", "intensity.max_restarts", "intensity.max_seconds") == [
        "backoff.cap = 9s  0.toml:2  policy.shop.child_backoff.cap",
        "backoff.base = 300ms  p.toml:9  tree.backoff.base",
        "intensity.max_restarts = 9  0.toml:3  policy.shop.intensity.max_restarts",
        "intensity.max_seconds = 5s  default",
    ]


def test_a_program_has_its_own_keys() -> None:
    found = explained(FILE, "shop/cache")
    assert lines(found, "command", "env.A", "env.B", "stop_signal", "cwd") == [
        "command = redis-server --port 1  p.toml:18  tree.child[1].command",
        "env.A = 1  p.toml:19  tree.child[1].env.A",
        'env.B = 2  p.toml:39  policy."shop/cache".env.B',
        'stop_signal = SIGINT  p.toml:40  policy."shop/cache".stop_signal',
        "cwd = none  default",
    ]


def test_what_a_child_starts_with_and_when_it_is_ready_is_told_too() -> None:
    text = """\
[tree]
name = "shop"
[[tree.child]]
id = "db"
start = "shop.db:Database"
args = ["a", 2020-01-01]
kwargs = { port = 5432, wait = true }
[[tree.child]]
id = "cache"
command = ["redis-server"]
ready = { port = 6379 }
"""
    assert lines(explained(text, "shop/db"), "args", "kwargs") == [
        "args = a datetime.date(2020, 1, 1)  p.toml:6  tree.child[0].args",
        "kwargs = port=5432 wait=true  p.toml:7  tree.child[0].kwargs",
    ]
    assert lines(explained(text, "shop/cache"), "ready") == ["ready = port=6379  p.toml:11  tree.child[1].ready"]
    assert lines(explained(FILE, "shop/cache"), "ready") == ["ready = none  default"]


def test_a_policy_that_is_laid_over_the_file_wins_however_general_its_patterns_are() -> None:
    over = '[policy."shop/**"]\nrestart = "temporary"\nbackoff = { base = "9s" }\n'
    found = explained(FILE, "shop/pool/reader", over)
    assert lines(found, "restart", "backoff.base", "backoff.jitter") == [
        'restart = temporary  0.toml:2  policy."shop/**".restart',
        'backoff.base = 9s  0.toml:3  policy."shop/**".backoff.base',
        'backoff.jitter = none  p.toml:35  policy."shop/pool/*".backoff.jitter',
    ]


def test_another_kind_of_backoff_leaves_nothing_of_the_former() -> None:
    over = '[policy."shop/pool/reader"]\nbackoff = { kind = "constant", seconds = 3 }\n'
    found = explained(FILE, "shop/pool/reader", over)
    assert "backoff.base" not in found
    assert lines(found, "backoff.kind", "backoff.seconds", "backoff.initial") == [
        'backoff.kind = constant  0.toml:2  policy."shop/pool/reader".backoff.kind',
        'backoff.seconds = 3s  0.toml:2  policy."shop/pool/reader".backoff.seconds',
        "backoff.initial = 0s  default",
    ]


def test_of_a_tree_in_code_it_says_what_the_code_has_set() -> None:
    db = ChildSpec(id="db", start=Start("app:Db"), restart=Restart.TRANSIENT, backoff=Backoff(base=1.0))
    inner = SupervisorSpec(children=[db], intensity=RestartIntensity(9, 9.0))
    code = SupervisorSpec(children=[supervisor_child("pool", inner), ChildSpec(id="a", start=Start(Supervisor))])
    policy = parse_policy('[policy."root/pool/db"]\nshutdown = 3\nbackoff = { cap = "2s" }\n', file="p.toml")
    spec = policy.apply(code)

    def origins(path: str, *keys: str) -> list[str]:
        found = {setting.key: setting for setting in explain(spec, [policy], path, root="root", code=code)}
        return [str(found[key].origin) for key in keys]

    assert origins("root/pool/db", "start", "restart", "significant", "shutdown", "backoff.base", "backoff.cap") == [
        *("code", "code", "default"),
        'p.toml:2  policy."root/pool/db".shutdown',
        "code",
        'p.toml:3  policy."root/pool/db".backoff.cap',
    ]
    assert origins("root/pool", "intensity.max_restarts", "strategy", "type") == ["code", "default", "code"]
    assert origins("root", "strategy", "backoff.base") == ["default", "default"]
    assert (str(CODE), str(DEFAULT)) == ("code", "default")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "shop/poo/reader",
            'p.toml: expected a path in the tree, got "shop/poo/reader"; did you mean "shop/pool/reader"?',
        ),
        ("shop/db/x", 'p.toml: expected a path in the tree, got "shop/db/x"; did you mean "shop/db"?'),
        (
            "x",
            (
                "p.toml: expected a path in the tree (shop, shop/db, shop/cache, shop/pool, shop/pool/reader,"
                ' shop/pool/writer), got "x"'
            ),
        ),
    ],
)
def test_a_path_to_nothing_gets_the_nearest_one(path: str, expected: str) -> None:
    with pytest.raises(PolicyError) as caught:
        explained(FILE, path)
    assert [str(mistake) for mistake in caught.value.mistakes] == [expected]


OVER = """
[policy."shop/**"]
shutdown = 7
backoff = { factor = 3 }
[policy."shop/pool"]
child_backoff = { factor = 4 }
"""


@pytest.mark.parametrize("over", ["", OVER])
@pytest.mark.parametrize("path", [path for path, _ in paths_of(parse_policy(FILE).tree(), "shop")])
def test_the_line_that_is_named_is_the_one_that_counts(path: str, over: str) -> None:
    """Change the value on the line that is named as an origin: then, and only by this, the effective value changes."""
    policies = [parse_policy(FILE, file="p.toml"), *([parse_policy(over, file="o.toml")] if over else [])]
    for setting in _explained(policies, path):
        if isinstance(setting.value, float) and setting.origin.file and "reset_after" not in setting.key:
            changed = [_doubled(policy, setting) for policy in policies]
            after = {found.key: found.value for found in _explained(changed, path)}
            assert after[setting.key] == setting.value * 2, setting


def _explained(policies: list[Policy], path: str) -> tuple[Setting, ...]:
    spec = policies[0].tree()
    for policy in policies[1:]:
        spec = policy.apply(spec, "shop")
    return explain(spec, policies, path, root="shop")


TEXTS = {"p.toml": FILE, "o.toml": OVER}


def _doubled(policy: Policy, setting: Setting) -> Policy:
    """Double the value of a setting on the line that it is said to come from."""
    if policy.file != setting.origin.file:
        return policy
    rows = TEXTS[policy.file].splitlines()
    row, key = rows[setting.origin.line - 1], setting.key.rpartition(".")[2]
    before, mark, rest = row.partition(f"{key} = ")
    assert mark, (row, setting)
    value = rest.split(",")[0].split(" }")[0]
    assert isinstance(setting.value, float)
    rows[setting.origin.line - 1] = f"{before}{mark}{setting.value * 2}{rest.removeprefix(value)}"
    return parse_policy("\n".join(rows), file=policy.file)


def test_delays_of_one_s_own_are_shown_as_they_are() -> None:
    class Never:
        reset_after = 1.0

        def delay(self, restarts: int, rng: object, previous: float) -> float:
            raise AssertionError

        def __repr__(self) -> str:
            return "Never()"

    code = SupervisorSpec(children=[ChildSpec(id="a", start=Start("app:A"), backoff=Never())])
    found = {setting.key: setting for setting in explain(code, [], "root/a", root="root", code=code)}
    assert (found["backoff"].value, found["backoff"].origin) == ("Never()", CODE)


def test_who_runs_a_child_comes_with_the_line_that_says_it() -> None:
    text = FILE.replace("limits = { nice = 4 }", 'limits = { nice = 4 }\ndispatcher = "pool"')
    found = explained(text, "shop/db", '[policy."shop/**"]\ndispatcher = "thread"\n')
    assert lines(found, "dispatcher") == ['dispatcher = thread  0.toml:2  policy."shop/**".dispatcher']
    assert lines(explained(text, "shop/db"), "dispatcher") == ["dispatcher = pool  p.toml:7  preset.small.dispatcher"]
    assert lines(explained(text, "shop/pool"), "dispatcher") == ["dispatcher = that of its class  default"]
    assert "dispatcher" not in explained(text, "shop/cache")


def test_what_is_called_a_secret_is_not_shown() -> None:
    text = """\
[tree]
name = "shop"
[[tree.child]]
id = "gateway"
start = "json.decoder:JSONDecoder"
kwargs = { token = "s3cr3t", tokens = 5, key_file = "keys", strict = true }
[[tree.child]]
id = "db"
command = ["postgres"]
env = { PGPASSWORD = "s3cr3t", PGUSER = "ann" }
"""
    kwargs = explained(text, "shop/gateway")["kwargs"].value
    assert kwargs == {"token": "(hidden)", "tokens": 5, "key_file": "keys", "strict": True}
    env = explained(text, "shop/db")
    assert (env["env.PGPASSWORD"].value, env["env.PGUSER"].value) == ("(hidden)", "ann")
