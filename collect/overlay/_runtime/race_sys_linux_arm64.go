// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

package runtime

// Numbers of the system calls that the recorder makes.
const (
	raceSysPpoll     = 73
	raceSysRenameat  = 38
	raceSysLseek     = 62
	raceSysFcntl     = 25
	raceSysFlock     = 32
	raceSysFtruncate = 46
)
