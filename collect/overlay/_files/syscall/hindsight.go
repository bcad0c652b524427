// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race && unix

package syscall

import (
	"internal/race"
	"runtime"
	"unsafe"
)

// Records of input and output. A write is recorded before the system call, a
// read after it, under an identity of what the descriptor is; the kernel is
// asked each time, because descriptors are closed, reused and duplicated
// without our knowing. Only the addresses of stream sockets are remembered, by
// inode. A descriptor that is none of the following orders nothing.
//
//   - A socket has an identity for each direction, made of the addresses of
//     sender and receiver in this order. Datagrams between internet addresses
//     go by the two ports: a socket bound to every address of the machine does
//     not know which one its peer uses. Unix sockets without a name share one.
//     Closing or shutting down is a write: the peer reads end of file.
//   - If this process has not written what a read could return, the other end
//     is another process's, and the read comes after this end's own writes.
//     (Bytes written here are recorded before they can be read; the table of
//     writers may forget one, and then a read is ordered after too much.)
//   - A pipe is its device and inode; closing its write end is a write. A pipe
//     that this process did not make, or that it has given to a child, is
//     one behind which another process may stand: it also belongs to the common
//     object raceIOForeign.
//   - A regular file is its device and inode.
//   - Descriptors 1 and 2 are this process's output: nothing.
//
// The functions whose names begin with raceIO appear on the recorded stacks.

// raceIOForeign stands for all other processes.
const raceIOForeign = 2

// Pushed from runtime.

//go:linkname runtime_raceRecording
func runtime_raceRecording() bool

//go:linkname runtime_raceIORead
func runtime_raceIORead(id uint64)

//go:linkname runtime_raceIOWrite
func runtime_raceIOWrite(id uint64)

//go:linkname runtime_raceIOWritten
func runtime_raceIOWritten(id uint64) bool

//go:linkname runtime_raceIOSocket
func runtime_raceIOSocket(key, w, r uint64) (uint64, uint64)

//go:linkname runtime_raceIOPipe
func runtime_raceIOPipe(key uint64, what uint8) bool

const (
	raceNothing   = iota
	raceConnected // a socket with a peer
	raceUnconnected
	racePipe
	raceFile
)

// A raceFD is what a descriptor is.
type raceFD struct {
	kind  uint8
	w, r  uint64 // identities of what is written, and of what is read
	local raceEnd
	dgram bool
}

// raceEnd is one address of a socket.
type raceEnd struct {
	addr, port uint64
	inet       bool
}

// raceHash mixes two numbers into an identity: never 0 nor raceIOForeign, and
// not longer than a record's address.
//
//go:norace
func raceHash(a, b uint64) uint64 {
	h := (a ^ 0x9E3779B97F4A7C15) * 0xFF51AFD7ED558CCD
	h = (h ^ h>>32 ^ b) * 0xC4CEB9FE1A85EC53
	h = (h ^ h>>29) * 0x9E3779B97F4A7C15
	return h>>9 | 1
}

// raceIdentify asks the kernel what fd is.
//
//go:norace
func raceIdentify(fd int) (f raceFD) {
	if !runtime_raceRecording() {
		return
	}
	var st Stat_t
	if Fstat(fd, &st) != nil {
		return
	}
	key := raceHash(uint64(st.Dev), uint64(st.Ino))
	switch st.Mode & S_IFMT {
	case S_IFREG:
		f.kind, f.w, f.r = raceFile, key, key
	case S_IFIFO:
		f.kind, f.w, f.r = racePipe, key, key
	case S_IFSOCK:
		// Elsewhere sockets have no inode numbers of their own.
		remember := runtime.GOOS == "linux"
		if remember {
			if f.w, f.r = runtime_raceIOSocket(key, 0, 0); f.w != 0 {
				f.kind = raceConnected
				return
			}
		}
		typ, err := GetsockoptInt(fd, SOL_SOCKET, SO_TYPE)
		if err != nil {
			return
		}
		f.dgram = typ == SOCK_DGRAM
		var sa RawSockaddrAny
		n := _Socklen(SizeofSockaddrAny)
		if getsockname(fd, &sa, &n) != nil {
			return
		}
		switch sa.Addr.Family {
		case AF_INET, AF_INET6, AF_UNIX:
		default:
			return // to the kernel, to a host: nothing is known of the other end
		}
		f.local = raceEndpoint(unsafe.Pointer(&sa), n)
		n = SizeofSockaddrAny
		if getpeername(fd, &sa, &n) != nil {
			f.kind = raceUnconnected
			return
		}
		peer := raceEndpoint(unsafe.Pointer(&sa), n)
		f.kind = raceConnected
		f.w, f.r = f.direction(f.local, peer), f.direction(peer, f.local)
		if remember && !f.dgram {
			runtime_raceIOSocket(key, f.w, f.r)
		}
	}
	return
}

// direction is the identity of what goes from one address to another.
//
//go:norace
func (f *raceFD) direction(from, to raceEnd) uint64 {
	if f.dgram && (from.inet || to.inet) {
		return raceHash(from.port<<16|to.port, 17)
	}
	return raceHash(raceHash(from.addr, from.port), raceHash(to.addr, to.port)<<1|1)
}

// raceEndpoint reduces a socket address to what is the same wherever it is
// asked for: an IPv4 address is its mapped IPv6 address, zones do not count.
// What it reads is within n bytes, though the types that it reads them by are
// larger.
//
//go:norace
//go:nocheckptr
func raceEndpoint(sa unsafe.Pointer, n _Socklen) (e raceEnd) {
	if sa == nil || n < 2 {
		return
	}
	bytes := func(p unsafe.Pointer, n int) {
		for _, b := range unsafe.Slice((*byte)(p), n) {
			e.addr = (e.addr ^ uint64(b)) * 0x100000001B3
		}
	}
	switch (*RawSockaddr)(sa).Family {
	case AF_INET:
		pp := (*RawSockaddrInet4)(sa)
		port := (*[2]byte)(unsafe.Pointer(&pp.Port))
		mapped := [12]byte{10: 0xff, 11: 0xff}
		bytes(unsafe.Pointer(&mapped), len(mapped))
		bytes(unsafe.Pointer(&pp.Addr), len(pp.Addr))
		e.port, e.inet = uint64(port[0])<<8|uint64(port[1]), true
	case AF_INET6:
		pp := (*RawSockaddrInet6)(sa)
		port := (*[2]byte)(unsafe.Pointer(&pp.Port))
		bytes(unsafe.Pointer(&pp.Addr), len(pp.Addr))
		e.port, e.inet = uint64(port[0])<<8|uint64(port[1]), true
	case AF_UNIX:
		// The length counts a final zero or not, depending on who says it.
		const path = unsafe.Offsetof(RawSockaddrUnix{}.Path)
		last := min(int(n), SizeofSockaddrUnix) - int(path)
		p := unsafe.Add(sa, path)
		for last > 0 && *(*byte)(unsafe.Add(p, last-1)) == 0 {
			last--
		}
		if last > 0 {
			bytes(p, last)
		}
	}
	return
}

// raceIOWrite is called before bytes are written to fd.
//
//go:linkname raceIOWrite
func raceIOWrite(fd int) {
	if fd == 1 || fd == 2 {
		return
	}
	f := raceIdentify(fd)
	if f.kind == raceNothing || f.kind == raceUnconnected {
		return
	}
	runtime_raceIOWrite(f.w)
	if f.kind == racePipe && !runtime_raceIOPipe(f.w, 0) {
		runtime_raceIOWrite(raceIOForeign)
	}
}

// raceIORead is called after a read of up to size bytes from fd has succeeded
// and returned n of them.
//
//go:linkname raceIORead
func raceIORead(fd, n, size int) {
	if n == 0 && size == 0 {
		return
	}
	f := raceIdentify(fd)
	switch f.kind {
	case raceFile:
		if n > 0 {
			runtime_raceIORead(f.r)
		}
	case racePipe:
		runtime_raceIORead(f.r)
		if !runtime_raceIOPipe(f.r, 0) {
			runtime_raceIORead(raceIOForeign)
		}
	case raceConnected:
		raceIOReceived(f.r, f.w)
	}
}

// raceIOReceived: what was read is what this process has written under the
// identity r or, if it has not, an answer to what it has written under w.
func raceIOReceived(r, w uint64) {
	runtime_raceIORead(r)
	if r != w && !runtime_raceIOWritten(r) && runtime_raceIOWritten(w) {
		runtime_raceIORead(w)
	}
}

// raceIOClose is called before fd is closed or shut down for writing.
//
//go:linkname raceIOClose
func raceIOClose(fd int) {
	f := raceIdentify(fd)
	switch f.kind {
	case raceConnected:
		runtime_raceIOWrite(f.w)
	case racePipe:
		if flags, err := fcntl(fd, F_GETFL, 0); err == nil && flags&O_ACCMODE != O_RDONLY {
			raceIOWrite(fd)
		}
	}
}

// raceIOSend is called before the n bytes at p are sent from fd to the address to.
func raceIOSend(fd int, p []byte, to unsafe.Pointer, tolen _Socklen) {
	if len(p) > 0 {
		race.ReadRange(unsafe.Pointer(&p[0]), len(p))
	}
	if to == nil {
		raceIOWrite(fd)
		return
	}
	f := raceIdentify(fd)
	switch f.kind {
	case raceConnected, raceUnconnected:
		runtime_raceIOWrite(f.direction(f.local, raceEndpoint(to, tolen)))
	}
}

// raceIORecv is called after n bytes were received on fd from the address from.
func raceIORecv(fd, n int, p []byte, from *RawSockaddrAny) {
	// The number may exceed the buffer: a byte that carries control messages
	// when p is empty, a datagram's true length.
	if m := min(n, len(p)); m > 0 {
		race.WriteRange(unsafe.Pointer(&p[0]), m)
	}
	f := raceIdentify(fd)
	switch f.kind {
	case raceConnected:
		raceIOReceived(f.r, f.w)
	case raceUnconnected:
		peer := raceEndpoint(unsafe.Pointer(from), SizeofSockaddrAny)
		raceIOReceived(f.direction(peer, f.local), f.direction(f.local, peer))
	}
}

// raceIOPipe is called after this process has made a pipe with the end fd.
func raceIOPipe(fd int) {
	if f := raceIdentify(fd); f.kind == racePipe {
		runtime_raceIOPipe(f.w, 1)
	}
}

// raceIOFork is called before a child is started with the descriptors fds. What
// has been written to a pipe before is there for the child to read.
func raceIOFork(fds []uintptr) {
	for _, fd := range fds {
		f := raceIdentify(int(fd))
		if f.kind == racePipe && runtime_raceIOPipe(f.w, 0) {
			runtime_raceIOPipe(f.w, 2)
			if runtime_raceIOWritten(f.w) {
				runtime_raceIOWrite(raceIOForeign)
			}
		}
	}
}

// raceRecvfrom is recvfrom with a record.
func raceRecvfrom(fd int, p []byte, flags int, from *RawSockaddrAny, fromlen *_Socklen) (n int, err error) {
	n, err = recvfrom(fd, p, flags, from, fromlen)
	if err == nil {
		raceIORecv(fd, n, p, from)
	}
	return
}

// raceSendto is sendto with a record.
func raceSendto(fd int, p []byte, flags int, to unsafe.Pointer, tolen _Socklen) error {
	raceIOSend(fd, p, to, tolen)
	return sendto(fd, p, flags, to, tolen)
}
