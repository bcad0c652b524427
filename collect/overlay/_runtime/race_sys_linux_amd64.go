// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

package runtime

// Numbers of the system calls that the recorder makes.
const (
	raceSysPpoll     = 271
	raceSysRenameat  = 264
	raceSysLseek     = 8
	raceSysFcntl     = 72
	raceSysFlock     = 73
	raceSysFtruncate = 77
)
