// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

package runtime

import "unsafe"

// raceopen opens the file that HINDSIGHT names and makes this process its
// owner. %p stands for the process's number. A process that finds the file
// owned by another, its parent as a rule, takes the name with its own number
// appended. On failure it says so, and the program goes on unrecorded.
func raceopen(name string) bool {
	n := racefilename(name, false)
	const flags = _O_CLOEXEC | _O_CREAT | 2 // O_RDWR
	fd := open(&racename[0], flags, 0o644)
	if fd >= 0 && n && !raceflock(fd) {
		closefd(fd)
		racefilename(name, true)
		fd = open(&racename[0], flags, 0o644)
		if fd >= 0 {
			raceflock(fd)
		}
	}
	if fd < 0 {
		println("hindsight: not recording: cannot open", gostringnocopy(&racename[0]))
		return false
	}
	racetruncate(fd)
	racefd = racehighfd(fd)
	raceseekable = raceisfile(racefd)
	return true
}

// racerename calls the recording's file FILE.old.
func racerename() {
	copy(raceoldname[:], racename[:])
	n := findnull(&racename[0])
	copy(raceoldname[n:], ".old\x00")
	const atCwd = ^uintptr(100 - 1)
	racesyscall5(raceSysRenameat, atCwd, uintptr(unsafe.Pointer(&racename)), atCwd, uintptr(unsafe.Pointer(&raceoldname)), 0)
}

var raceoldname [len(racename) + 8]byte

// racereopen opens the file anew, as raceopen did.
func racereopen() bool { return raceopen(gostring(&racename[0])) }

// racepid is the number of this process.
//
//go:nosplit
func racepid() int { return getpid() }

// raceisfile reports whether a descriptor is neither a pipe nor a terminal.
func raceisfile(fd int32) bool {
	return racesyscall(raceSysLseek, uintptr(fd), 0, 1) < 1<<63
}

// racekeepwriting keeps this thread from signals by which a process is asked to end:
// it is to write what others save, or saves. Writing a file beyond its greatest size
// becomes an error. Other signals must come: syscall.Setuid and its like wait for every
// thread, and so does a crash that shows all threads' stacks, but only after saving.
func racekeepwriting(saves bool) {
	var set sigset
	raceblocklarge(&set)
	sigaddset(&set, _SIGHUP)
	sigaddset(&set, _SIGINT)
	sigaddset(&set, raceSIGTERM)
	if saves {
		sigaddset(&set, _SIGQUIT)
		sigaddset(&set, _SIGABRT)
	}
	sigprocmask(_SIG_BLOCK, &set, nil)
}

// raceblocklarge adds to a mask the signal that a file has its greatest size.
func raceblocklarge(mask *sigset) { sigaddset(mask, _SIGXFSZ) }

// racewritable waits until the pipe takes some bytes, and reports whether that happens.
func racewritable() bool {
	poll := struct {
		fd              int32
		events, revents int16
	}{racefd, 4, 0}
	wait := timespec{tv_sec: 2} // the system subtracts what has passed
	for {
		r := racesyscall(raceSysPpoll, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&wait)))
		if -r != raceEINTR {
			return r == 1
		}
	}
}

// racefilename fills racename and reports whether processes share the name.
func racefilename(name string, child bool) (shared bool) {
	shared = true
	i := 0
	put := func(c byte) {
		if i < len(racename)-1 {
			racename[i] = c
			i++
		}
	}
	pid := func() {
		var buf [20]byte
		j := len(buf)
		for v := uint(getpid()); ; v /= 10 {
			j--
			buf[j] = byte('0' + v%10)
			if v < 10 {
				break
			}
		}
		for ; j < len(buf); j++ {
			put(buf[j])
		}
	}
	for k := 0; k < len(name); k++ {
		if name[k] == '%' && k+1 < len(name) && name[k+1] == 'p' {
			shared = false
			pid()
			k++
			continue
		}
		put(name[k])
	}
	if child {
		put('.')
		pid()
	}
	racename[i] = 0
	return shared
}

// raceflock takes the file's lock, which says that a process records into it.
func raceflock(fd int32) bool {
	const lockEx, lockNB = 2, 4
	return racesyscall(raceSysFlock, uintptr(fd), lockEx|lockNB, 0) == 0
}

func racetruncate(fd int32) { racesyscall(raceSysFtruncate, uintptr(fd), 0, 0) }

// racehighfd moves the descriptor out of the way: programs expect the lowest
// numbers to be free.
func racehighfd(fd int32) int32 {
	if high := racedupfd(uintptr(fd)); high >= 0 {
		closefd(fd)
		return high
	}
	return fd
}

// racedupfd duplicates a descriptor, or returns -1.
func racedupfd(fd uintptr) int32 {
	const dupfdCloexec = 1030
	for _, least := range [...]uintptr{900, 200, 50, 3} {
		if r := racesyscall(raceSysFcntl, fd, dupfdCloexec, least); r < 1<<31 {
			return int32(r)
		}
	}
	return -1
}

// racemapvars maps the table that the link step appended to the executable:
// a footer of 64 bytes at its very end says where.
func racemapvars() {
	if len(racevartab) > 0 {
		racevars.init(uintptr(len(racevartab)))
		return
	}
	fd := open(&raceexe[0], _O_CLOEXEC, 0)
	if fd < 0 {
		return
	}
	defer closefd(fd)
	size := racesyscall(raceSysLseek, uintptr(fd), 0, 2)
	if size < 64 || size >= 1<<40 {
		return
	}
	foot := &racefoot
	racesyscall(raceSysLseek, uintptr(fd), size-64, 0)
	if read(fd, unsafe.Pointer(foot), 64) != 64 {
		return
	}
	magic := (*[16]byte)(unsafe.Pointer(foot))
	if string(magic[:]) != "HINDSIGHTTRAILR1" {
		return
	}
	varsoff, varsn, namesoff, namesn, metaoff, metan := foot[2], foot[3], foot[4], foot[5], foot[6], foot[7]
	end := uint64(size)
	if varsoff > end || varsn > end/24 || varsoff+varsn*24 > end || varsoff%8 != 0 ||
		namesoff > end || namesn > end-namesoff || metaoff > end || metan > end-metaoff {
		return
	}
	page := uint64(physPageSize)
	base := varsoff &^ (page - 1)
	p, err := mmap(nil, uintptr(end-base), _PROT_READ, _MAP_PRIVATE, fd, uint32(base))
	if err != 0 {
		return
	}
	at := func(off uint64) unsafe.Pointer { return unsafe.Pointer(uintptr(p) + uintptr(off-base)) }
	if varsn > 0 {
		racevartab = unsafe.Slice((*racevar)(at(varsoff)), int(varsn))
		racevars.init(uintptr(varsn))
	}
	if namesn > 0 && namesoff >= base {
		racevarnames = unsafe.Slice((*byte)(at(namesoff)), int(namesn))
	}
	if metan > 0 && metaoff >= base {
		racemeta = unsafe.Slice((*byte)(at(metaoff)), int(metan))
	}
}

var (
	raceexe  = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'e', 'x', 'e', 0}
	racefoot [8]uint64
)

const (
	raceEINTR  = 4
	raceEAGAIN = 11

	raceSIGTERM = 15 // the runtime has no name for it
)
