// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race && linux && !go1.26

package runtime

import "internal/runtime/syscall"

// racesyscall makes a system call; errors come back as -errno.
func racesyscall(num, a, b, c uintptr) uintptr { return racesyscall5(num, a, b, c, 0, 0) }

func racesyscall5(num, a, b, c, d, e uintptr) uintptr {
	r, _, errno := syscall.Syscall6(num, a, b, c, d, e, 0)
	if errno != 0 {
		return -errno
	}
	return r
}
