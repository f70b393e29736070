"""A run made by several processes that know of each other only through its directory, such as those of a job array.

1. `simulate --shard I/N` is one of N. In any order, at once or one after the other, on one file system: the store that
   the last of them finishes is that of a single process, file by file.
2. Task k of a scanned model belongs to shard k mod N; one of a model that is measured on a scanned one to the shard of
   that one's task at its point. So a shard has what its own tasks need, and nothing is computed twice (`shares`).
3. What several shards need, such as a network that is not scanned, is computed by the first that comes to it, while it
   holds a lock that the system takes from it when it ends; the others wait for the result, not for a certain shard.
   Models that are not scanned and that no scanned one needs are those of shard 1 (`part`).
4. The first process makes the run under the lock of the run, with an empty group for each scanned model: all others
   read from these in which blocks the points are run. Nobody holds that lock while it computes.
5. A result is kept in `.state/fragments/MODEL`, one file a task, written in one stroke and with a checksum. The same
   command goes on after a kill: it runs those of its tasks that are neither there nor in the store.
6. A shard that has nothing left to run waits for the lock of the run and puts the fragments into the store, in the
   order of the tasks and up to the first that is missing (`gather`). Whoever finds none missing finishes the run:
   checks and report. As every shard does this after its last result, the one that comes last finds them all.
7. A lock of its own keeps a shard from being run twice at once. A run of which a shard lives is not overwritten.
"""
