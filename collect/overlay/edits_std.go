package overlay

func init() {
	Edits = append(Edits, editsSync...)
	Edits = append(Edits, editsMap...)
	Edits = append(Edits, editsIO...)
}

// editsSync: misuse of WaitGroup under its own rule, and Pool by object. A Mutex's atomic
// operation and what is told of it are one hook.
var editsSync = []Edit{
	{Name: "Mutex", File: "internal/sync/mutex.go",
		Old: "if atomic.CompareAndSwapInt32(&m.state, 0, mutexLocked) {\n\t\tif race.Enabled {",
		New: "if raceLock(&m.state) {\n\t\tif !race.Enabled {"},
	{Name: "Mutex", File: "internal/sync/mutex.go",
		Old: "\t\trace.Release(unsafe.Pointer(m))\n\t}\n\n\t// Fast path: drop lock bit.\n\tnew := atomic.AddInt32(&m.state, -mutexLocked)",
		New: "\t}\n\n\n\t// Fast path: drop lock bit.\n\tnew := raceUnlock(&m.state)"},

	{Name: "WaitGroup", File: "sync/waitgroup.go",
		Old: "if delta < 0 {\n\t\t\t// Synchronize",
		New: "if race.WaitGroupAdd(unsafe.Pointer(wg), delta); false {\n\t\t\t// Synchronize"},
	{Name: "WaitGroup", File: "sync/waitgroup.go",
		Old: "race.Read(unsafe.Pointer(&wg.sema))",
		New: "race.MisuseRead(unsafe.Pointer(wg), 30)"},
	{Name: "WaitGroup", File: "sync/waitgroup.go",
		Old: "race.Write(unsafe.Pointer(&wg.sema))",
		New: "race.MisuseWrite(unsafe.Pointer(wg), 30)"},

	{Name: "Pool", File: "sync/pool.go",
		Old: "if runtime_randn(4) == 0 {",
		New: "if false {"},
	{Name: "Pool", File: "sync/pool.go",
		Old: "race.ReleaseMerge(poolRaceAddr(x))",
		New: "race.PoolPut((*[2]unsafe.Pointer)(unsafe.Pointer(&x))[1])"},
	{Name: "Pool", File: "sync/pool.go",
		Old: "race.Acquire(poolRaceAddr(x))",
		New: "race.PoolGet((*[2]unsafe.Pointer)(unsafe.Pointer(&x))[1])"},
}

// editsMap order the operations of sync.Map key by key: _files/internal/sync/hindsight.go.
var editsMap = []Edit{
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "Mutex // Protects",
		New: "raceMutex // Protects"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "initMu   Mutex",
		New: "initMu   raceMutex"},

	// Who makes an entry releases; who finds one acquires.
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "\treturn &entry[K, V]{\n",
		New: "\te := &entry[K, V]{\n"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "\t\tvalue: value,\n\t}\n",
		New: "\t\tvalue: value,\n\t}; raceMap(raceMapRelease, uintptr(unsafe.Pointer(e))); return e\n"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "\t\tif e.key == key {\n\t\t\treturn",
		New: "\t\tif e.key == key { raceMap(raceMapAcquire, uintptr(unsafe.Pointer(e)))\n\t\t\treturn"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "if !yield(e.key,",
		New: "if raceMap(raceMapAcquire, uintptr(unsafe.Pointer(e))); !yield(e.key,"},

	// Load
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "\t\t\treturn *new(V), false",
		New: "\t\t\tht.raceAbsent(hash, raceReads); return *new(V), false"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "return n.entry().lookup(key)",
		New: "if value, ok = n.entry().lookup(key); !ok { ht.raceAbsent(hash, raceReads) }; return"},

	// LoadOrStore
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "newEntry := newEntryNode(key, value)",
		New: "ht.raceAbsent(hash, raceReads); newEntry := newEntryNode(key, value)"},

	// Swap, and Store, which only writes.
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "_, _ = ht.Swap(key,",
		New: "_, _ = ht.raceSwap(raceWrites, key,"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "Swap(key K, new V) (previous V, loaded bool) {",
		New: "Swap(key K, new V) (previous V, loaded bool) { return ht.raceSwap(raceReads|raceWrites, key, new) }; func (ht *HashTrieMap[K, V]) raceSwap(raceHow int, key K, new V) (previous V, loaded bool) {"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "newEntry, old, swapped :=",
		New: "if raceHow&raceReads != 0 { ht.raceSee(oldEntry, key, hash, raceReads) }; newEntry, old, swapped :="},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "newEntry := newEntryNode(key, new)",
		New: "if oldEntry == nil && raceHow&raceReads != 0 { ht.raceAbsent(hash, raceReads) }; newEntry := newEntryNode(key, new)"},

	// What find finds. An entry that matches is looked at again under its lock.
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "valEqual equalFunc, value V) (i ",
		New: "valEqual equalFunc, value V, raceHow int) (i "},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "// Nothing to compare with. Give up.",
		New: "ht.raceAbsent(hash, raceHow)"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "// No match, comparison failed.",
		New: "ht.raceSee(n.entry(), key, hash, raceHow)"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "// In either case, we're done here.",
		New: "if n != nil { ht.raceSee(n.entry(), key, hash, raceHow) } else { ht.raceAbsent(hash, raceHow) }"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "ht.find(key, hash, ht.valEqual, old)",
		New: "ht.find(key, hash, ht.valEqual, old, raceReads)"},

	// LoadAndDelete, and Delete, which only writes.
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "_, _ = ht.LoadAndDelete(key)",
		New: "_, _ = ht.raceLoadAndDelete(raceWrites, key)"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "LoadAndDelete(key K) (value V, loaded bool) {",
		New: "LoadAndDelete(key K) (value V, loaded bool) { return ht.raceLoadAndDelete(raceReads|raceWrites, key) }; func (ht *HashTrieMap[K, V]) raceLoadAndDelete(raceHow int, key K) (value V, loaded bool) {"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "compare with it. n != nil if we found the node.\n\ti, hashShift, slot, n := ht.find(key, hash, nil, *new(V))",
		New: "compare with it. n != nil if we found the node.\n\ti, hashShift, slot, n := ht.find(key, hash, nil, *new(V), raceHow)"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "v, e, loaded :=",
		New: "ht.raceGone(n.entry(), key, *new(V), nil, hash); v, e, loaded :="},

	// CompareAndDelete
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "ht.find(key, hash, nil, *new(V))",
		New: "ht.find(key, hash, nil, *new(V), raceReads)"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "e, deleted :=",
		New: "ht.raceGone(n.entry(), key, old, ht.valEqual, hash); e, deleted :="},

	// Clear, and Range, which may see that it was.
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "// It's sufficient to just drop",
		New: "raceMap(raceMapRelease, ht.raceAll()) // It's sufficient to just drop"},
	{Name: "Map", File: "internal/sync/hashtriemap.go",
		Old: "for j := range i.children {\n\t\tn :=",
		New: "for j := range i.children {\n\t\tif j == 0 && i.parent == nil { raceMap(raceMapAcquire, ht.raceAll()) }; n :="},
}

// editsIO name the descriptor where the race detector has one object for all
// input and output, and add what it leaves out: _files/syscall/hindsight.go.
var editsIO = []Edit{
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "= read(fd, p)\n\tif race.Enabled {\n\t\tif n > 0 {\n\t\t\trace.WriteRange(unsafe.Pointer(&p[0]), n)\n\t\t}\n\t\tif err == nil {\n\t\t\trace.Acquire(unsafe.Pointer(&ioSync))",
		New: "= read(fd, p)\n\tif race.Enabled {\n\t\tif n > 0 {\n\t\t\trace.WriteRange(unsafe.Pointer(&p[0]), n)\n\t\t}\n\t\tif err == nil {\n\t\t\traceIORead(fd, n, len(p))"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "= pread(fd, p, offset)\n\tif race.Enabled {\n\t\tif n > 0 {\n\t\t\trace.WriteRange(unsafe.Pointer(&p[0]), n)\n\t\t}\n\t\tif err == nil {\n\t\t\trace.Acquire(unsafe.Pointer(&ioSync))",
		New: "= pread(fd, p, offset)\n\tif race.Enabled {\n\t\tif n > 0 {\n\t\t\trace.WriteRange(unsafe.Pointer(&p[0]), n)\n\t\t}\n\t\tif err == nil {\n\t\t\traceIORead(fd, n, len(p))"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "race.ReleaseMerge(unsafe.Pointer(&ioSync))\n\t}\n\tif faketime",
		New: "raceIOWrite(fd)\n\t}\n\tif faketime"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "race.ReleaseMerge(unsafe.Pointer(&ioSync))\n\t}\n\tn, err = pwrite",
		New: "raceIOWrite(fd)\n\t}\n\tn, err = pwrite"},

	// What is read from the source before the call is passed on; bytes that
	// arrive during the call are read too.
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "race.ReleaseMerge(unsafe.Pointer(&ioSync))\n\t}\n\treturn sendfile(outfd, infd, offset, count)",
		New: "raceIORead(infd, 1, 1); raceIOWrite(outfd)\n\t}\n\tif written, err = sendfile(outfd, infd, offset, count); written > 0 { raceIORead(infd, written, count) }; return"},

	// Datagrams.
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "recvfrom(fd, p, flags, &rsa, &len)",
		New: "raceRecvfrom(fd, p, flags, &rsa, &len)"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "from *SockaddrInet4) (n int, err error) {",
		New: "from *SockaddrInet4) (n int, err error) { recvfrom := raceRecvfrom"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "from *SockaddrInet6) (n int, err error) {",
		New: "from *SockaddrInet6) (n int, err error) { recvfrom := raceRecvfrom"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "to *SockaddrInet4) (err error) {",
		New: "to *SockaddrInet4) (err error) { sendto := raceSendto"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "to *SockaddrInet6) (err error) {",
		New: "to *SockaddrInet6) (err error) { sendto := raceSendto"},
	{Name: "I/O", File: "syscall/syscall_unix.go",
		Old: "return sendto(fd, p, flags, ptr, salen)",
		New: "return raceSendto(fd, p, flags, ptr, salen)"},
	{Name: "I/O", File: "syscall/syscall_linux.go", Old: recvmsgRaw, New: recvmsgRawNew},
	{Name: "I/O", File: "syscall/syscall_bsd.go", Old: recvmsgRaw, New: recvmsgRawNew},
	{Name: "I/O", File: "syscall/syscall_linux.go", Old: sendmsgN, New: sendmsgNNew},
	{Name: "I/O", File: "syscall/syscall_bsd.go", Old: sendmsgN, New: sendmsgNNew},

	// Pipes: which are only ours.
	{Name: "I/O", File: "syscall/syscall_linux.go",
		Old: "p[1] = int(pp[1])",
		New: "p[1] = int(pp[1]); raceIOPipe(p[1])"},
	{Name: "I/O", File: "syscall/exec_unix.go",
		Old: "sys := attr.Sys",
		New: "raceIOFork(attr.Files); sys := attr.Sys"},

	// What package poll does with descriptors by other calls.
	{Name: "I/O", File: "internal/poll/fd_unixjs.go",
		Old: "\treturn CloseFunc(fd)",
		New: "\traceIOClose(fd); return CloseFunc(fd)"},
	{Name: "I/O", File: "internal/poll/fd_posix.go",
		Old: "\treturn syscall.Shutdown(",
		New: "\traceIOShutdown(fd.Sysfd, how); return syscall.Shutdown("},
	{Name: "I/O", File: "internal/poll/fd_writev_unix.go",
		Old: "\t\tr, _, e = syscall.Syscall(",
		New: "\t\traceIOWrite(fd); r, _, e = syscall.Syscall("},
	{Name: "I/O", File: "internal/poll/splice_linux.go",
		Old: "if err != syscall.EAGAIN {\n\t\t\treturn n, err",
		New: "if err != syscall.EAGAIN { if err == nil { raceIORead(sock.Sysfd, n, max) }\n\t\t\treturn n, err"},
	{Name: "I/O", File: "internal/poll/splice_linux.go",
		Old: "n, err := splice(sock.Sysfd, pipefd,",
		New: "raceIOWrite(sock.Sysfd); n, err := splice(sock.Sysfd, pipefd,"},
	{Name: "I/O", File: "internal/poll/copy_file_range_unix.go",
		Old: "n, err := unix.CopyFileRange(src.Sysfd, nil, dst.Sysfd, nil, max, 0)",
		New: "raceIORead(src.Sysfd, 1, 1); raceIOWrite(dst.Sysfd); n, err := unix.CopyFileRange(src.Sysfd, nil, dst.Sysfd, nil, max, 0); if n > 0 { raceIORead(src.Sysfd, n, max) }"},
}

// The functions that receive and send messages get another name; in front of
// them, on the same line, stands one that records.
const (
	recvmsgRaw    = "func recvmsgRaw("
	recvmsgRawNew = "func recvmsgRaw(fd int, p, oob []byte, flags int, rsa *RawSockaddrAny) (n, oobn int, recvflags int, err error) { " +
		"n, oobn, recvflags, err = raceRecvmsg(fd, p, oob, flags, rsa); if err == nil { raceIORecv(fd, n, p, rsa) }; return }; func raceRecvmsg("
	sendmsgN    = "func sendmsgN("
	sendmsgNNew = "func sendmsgN(fd int, p, oob []byte, ptr unsafe.Pointer, salen _Socklen, flags int) (n int, err error) { " +
		"raceIOSend(fd, p, ptr, salen); return raceSendmsg(fd, p, oob, ptr, salen, flags) }; func raceSendmsg("
)
