%% Erlang/OTP as a side of benchmarks.actors: answers a line of JSON with a line of JSON, as actor_serving.py says.
%% `erlc actors.erl`, then `erl -noshell -s actors main`. Times are microseconds, rates are per second. What is asked
%% from is a process, as there is nothing else to ask from; requests go by gen_server, restarts by supervisor.
-module(actors).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2, start_fragile/1]).

-define(SENDERS, 8).
-define(WAIT, 120000).

main() ->
    logger:set_primary_config(level, none),
    io:format("{\"ready\": true}~n"),
    serve(),
    halt(0).

serve() ->
    case io:get_line("") of
        Line when is_list(Line) ->
            {match, [Workload, Count, Size]} =
                re:run(Line, "\"workload\": \"([^\"]+)\", \"count\": ([0-9]+), \"size\": ([0-9]+)",
                       [{capture, all_but_first, list}]),
            answer(Workload, list_to_integer(Count), list_to_integer(Size)),
            serve();
        _ -> ok
    end.

answer(Workload, Count, Size) ->
    garbage_collect(),
    Begin = now_ns(),
    case measure(Workload, Count, Size) of
        missing -> io:format("{\"missing\": \"it has no such thing\"}~n");
        Values ->
            Shown = lists:join(", ", [io_lib:format("\"~s\": ~w", [Name, float(Value)]) || {Name, Value} <- Values]),
            io:format("{\"values\": {~s}, \"seconds\": ~w}~n", [Shown, (now_ns() - Begin) / 1.0e9])
    end.

measure("tell", Count, _) -> tell(Count, 1);
measure("tell 8", Count, _) -> tell(Count, ?SENDERS);
measure("ask", Count, _) -> asks(Count);
measure("ask from actor", Count, _) -> asks(Count);
measure("ring", Count, Size) -> ring(Count, Size);
measure("start", Count, _) -> start(Count);
measure("start+stop", Count, _) -> start_and_stop(Count);
measure("bulk", Count, _) -> bulk(Count);
measure("crash", Count, _) -> crash(Count);
measure("crowd", Count, _) -> crowd(Count);
measure(_, _, _) -> missing.

%% So many processes tell one, until it has handled all of it.
tell(Count, Senders) ->
    Share = Count div Senders,
    Me = self(),
    Sink = spawn_link(fun() -> sink(Share * Senders, Me) end),
    Pids = [spawn_link(fun() -> receive go -> send(Sink, Share) end end) || _ <- lists:seq(1, Senders)],
    Begin = now_ns(),
    [Pid ! go || Pid <- Pids],
    receive {all, Sink} -> ok after ?WAIT -> exit(lost) end,
    [{"rate", Share * Senders * 1.0e9 / (now_ns() - Begin)}].

send(_, 0) -> ok;
send(To, Left) -> To ! Left, send(To, Left - 1).

sink(0, Whom) -> Whom ! {all, self()};
sink(Left, Whom) -> receive _ -> sink(Left - 1, Whom) end.

asks(Count) ->
    {ok, Echo} = gen_server:start_link(?MODULE, echo, []),
    Times = [ask(Echo, Number) || Number <- lists:seq(1, Count)],
    gen_server:stop(Echo),
    [{"p50", percentile(Times, 0.50)}, {"p99", percentile(Times, 0.99)}].

ask(Echo, Number) ->
    Begin = now_ns(),
    Number = gen_server:call(Echo, Number),
    (now_ns() - Begin) / 1000.

%% One message goes around so many times.
ring(Count, Size) ->
    Me = self(),
    First = spawn_link(fun() -> receive {to, Next} -> pass(Next, Me) end end),
    Last = lists:foldl(fun(_, Next) -> spawn_link(fun() -> pass(Next, Me) end) end, First, lists:seq(2, Size)),
    First ! {to, Last},
    First ! min(Count, 2 * Size),
    receive over -> ok after ?WAIT -> exit(lost) end,
    Begin = now_ns(),
    First ! Count,
    receive over -> ok after ?WAIT -> exit(lost) end,
    Took = now_ns() - Begin,
    First ! stop,
    [{"hop", Took / Count / 1000}].

pass(Next, Whom) ->
    receive
        0 -> Whom ! over, pass(Next, Whom);
        stop -> Next ! stop;
        Left -> Next ! Left - 1, pass(Next, Whom)
    end.

start(Count) ->
    Started = [begin
                   Begin = now_ns(),
                   {ok, Pid} = gen_server:start(?MODULE, echo, []),
                   {Pid, (now_ns() - Begin) / 1000}
               end || _ <- lists:seq(1, Count)],
    [gen_server:stop(Pid) || {Pid, _} <- Started],
    [{"p50", percentile([Time || {_, Time} <- Started], 0.50)}].

start_and_stop(Count) ->
    Begin = now_ns(),
    [begin {ok, Pid} = gen_server:start(?MODULE, echo, []), ok = gen_server:stop(Pid) end || _ <- lists:seq(1, Count)],
    [{"each", (now_ns() - Begin) / Count / 1000}].

bulk(Count) ->
    Begin = now_ns(),
    Pids = [begin {ok, Pid} = gen_server:start(?MODULE, echo, []), Pid end || _ <- lists:seq(1, Count)],
    Started = now_ns(),
    stop_all(Pids),
    [{"start", (Started - Begin) / Count / 1000}, {"stop", (now_ns() - Started) / Count / 1000}].

stop_all(Pids) ->
    Monitors = [begin Monitor = monitor(process, Pid), exit(Pid, shutdown), Monitor end || Pid <- Pids],
    [receive {'DOWN', Monitor, process, _, _} -> ok end || Monitor <- Monitors].

%% From telling it to crash to the answer of the one that its supervisor starts.
crash(Count) ->
    Me = self(),
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, Me}),
    {_, Times} = lists:foldl(
        fun(Number, {Pid, Times}) ->
            Begin = now_ns(),
            gen_server:cast(Pid, crash),
            Next = born(),
            Number = gen_server:call(Next, Number),
            {Next, [(now_ns() - Begin) / 1000 | Times]}
        end, {born(), []}, lists:seq(1, Count)),
    unlink(Supervisor),
    Monitor = monitor(process, Supervisor),
    exit(Supervisor, shutdown),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    [{"p50", percentile(Times, 0.50)}, {"p99", percentile(Times, 0.99)}].

born() -> receive {born, Pid} -> Pid after ?WAIT -> exit(lost) end.

start_fragile(Owner) -> gen_server:start_link(?MODULE, {fragile, Owner}, []).

%% Many that do nothing: what one weighs, and what it takes to start and to stop them.
crowd(Count) ->
    Before = resident(),
    Begin = now_ns(),
    Pids = [begin {ok, Pid} = gen_server:start(?MODULE, echo, []), Pid end || _ <- lists:seq(1, Count)],
    Started = now_ns(),
    Bytes = (resident() - Before) / Count,
    Stop = now_ns(),
    stop_all(Pids),
    [{"bytes", Bytes}, {"start", (Started - Begin) / Count / 1000}, {"stop", (now_ns() - Stop) / Count / 1000}].

resident() ->
    {ok, Text} = file:read_file("/proc/" ++ os:getpid() ++ "/statm"),
    [_, Pages | _] = string:lexemes(binary_to_list(Text), " "),
    list_to_integer(Pages) * 4096.

percentile(Times, Share) -> lists:nth(trunc(length(Times) * Share) + 1, lists:sort(Times)).

now_ns() -> erlang:monotonic_time(nanosecond).

init({supervisor, Owner}) ->
    {ok, {#{strategy => one_for_one, intensity => 1000000000, period => 1},
          [#{id => fragile, start => {?MODULE, start_fragile, [Owner]}}]}};
init({fragile, Owner}) ->
    Owner ! {born, self()},
    {ok, Owner};
init(echo) -> {ok, none}.

handle_call(Message, _, State) -> {reply, Message, State}.

handle_cast(crash, _) -> exit(told_to_crash).
