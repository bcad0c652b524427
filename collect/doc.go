// Package collect lets a program record itself, for Hindsight to look for data
// races in the recording afterwards.
//
// # Windows
//
// [Start] and [Stop] bound a window: what the program does in between is
// recorded. In a program built with hindsight (hindsight build, run or test) a
// window holds every access to memory and every synchronization; in an ordinary
// one it is an execution trace as of [runtime/trace], with what the program's
// annotations say. Only one window is open at a time.
//
// A [Flight] keeps the last seconds in memory, to be written out after something
// has gone wrong. It is for ordinary programs only.
//
// Package collecthttp offers both over HTTP.
//
// # Annotations
//
// A program that is not built with hindsight can say itself what it does:
// [Read] and [Write] name accesses, [Acquire], [Release] and [ReleaseMerge]
// synchronization, [Alloc] and [Free] the lives of objects in a pool of its
// own. [Mutex], [RWMutex], [WaitGroup], [Once], [Int64], [Pointer], [Chan], [Var]
// and the like do so by themselves. While no trace runs an annotation costs a
// few nanoseconds. While one runs, whoever started it (a window, a flight
// recorder, the handler of net/http/pprof, go test -trace), it writes one record
// and allocates nothing.
//
// What annotations do not name is not seen, but for the creation of goroutines, which every
// trace holds. So what is found in such a recording is unordered as far as
// recorded, and that nothing is found says nothing.
//
// In a program built with hindsight the recorder sees what annotations name:
// there the drop-ins are what they stand for, [Acquire] and its like are passed
// on, and the others do nothing.
package collect
