%% What Erlang/OTP needs for what benchmarks.supervision measures: the same deeds, under OTP's own supervisor.
%% `erlc restarts.erl`, then `erl -noshell -s restarts main CRASHES CHILDREN RESTARTS -s init stop`. Prints lines of
%% "name value", times in microseconds.
-module(restarts).
-behaviour(supervisor).
-export([main/1, init/1, start_worker/1, handle_call/3, handle_cast/2]).

main([Crashes, Children, Restarts]) ->
    logger:set_primary_config(level, none),
    one(list_to_integer(atom_to_list(Crashes))),
    many(list_to_integer(atom_to_list(Children)), list_to_integer(atom_to_list(Restarts))).

start_worker(Owner) -> gen_server:start_link(?MODULE, {worker, Owner}, []).

init({supervisor, Strategy, Owner}) ->
    {ok, {#{strategy => Strategy, intensity => 1000000000, period => 1},
          [#{id => worker, start => {?MODULE, start_worker, [Owner]}, shutdown => 5000}]}};
init({worker, Owner}) ->
    Owner ! {ready, self(), now_ns()},
    {ok, Owner}.

handle_call(_, _, Owner) -> {reply, ok, Owner}.

handle_cast(crash, Owner) ->
    Owner ! {crashed, now_ns()},
    exit(told_to_crash).

now_ns() -> erlang:monotonic_time(nanosecond).

next_ready() -> receive {ready, Pid, At} -> {Pid, At} end.

%% One child: from the crash to the next one's init.
one(Crashes) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, one_for_one, self()}),
    {First, _} = next_ready(),
    {Warm, _} = crash_again(First, 20, []),
    {_, Times} = crash_again(Warm, Crashes, []),
    [io:format("crash ~p~n", [Time]) || Time <- Times],
    unlink(Supervisor),
    exit(Supervisor, shutdown).

crash_again(Pid, 0, Times) -> {Pid, Times};
crash_again(Pid, Left, Times) ->
    gen_server:cast(Pid, crash),
    Crashed = receive {crashed, At} -> At end,
    {Next, Ready} = next_ready(),
    receive after 1 -> ok end,
    crash_again(Next, Left - 1, [(Ready - Crashed) / 1000 | Times]).

%% Many children of a simple_one_for_one: start, restarts one after the other, stop.
many(Children, Restarts) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, simple_one_for_one, self()}),
    Before = erlang:memory(total),
    Start = now_ns(),
    Pids = [begin {ok, Pid} = supervisor:start_child(Supervisor, []), _ = next_ready(), Pid end
            || _ <- lists:seq(1, Children)],
    Started = now_ns(),
    io:format("start ~p~n", [(Started - Start) / 1000 / Children]),
    io:format("memory ~p~n", [(erlang:memory(total) - Before) / Children]),
    Begin = now_ns(),
    [begin gen_server:cast(Pid, crash), receive {crashed, _} -> ok end, next_ready() end
     || Pid <- lists:sublist(Pids, Restarts)],
    io:format("restart ~p~n", [(now_ns() - Begin) / 1000 / Restarts]),
    unlink(Supervisor),
    Monitor = monitor(process, Supervisor),
    Stop = now_ns(),
    exit(Supervisor, shutdown),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    io:format("stop ~p~n", [(now_ns() - Stop) / 1000 / Children]).
