// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race && unix

package poll

import (
	"syscall"
	_ "unsafe" // for linkname
)

// Records of input and output that bypasses syscall.Read and Write; see
// hindsight.go in package syscall.

//go:linkname raceIOWrite syscall.raceIOWrite
func raceIOWrite(fd int)

//go:linkname raceIORead syscall.raceIORead
func raceIORead(fd, n, size int)

//go:linkname raceIOClose syscall.raceIOClose
func raceIOClose(fd int)

func raceIOShutdown(fd, how int) {
	if how != syscall.SHUT_RD {
		raceIOClose(fd)
	}
}
