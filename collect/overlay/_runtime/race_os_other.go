// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race && !linux

package runtime

// raceopen says that this system's programs are built, not yet recorded.
func raceopen(name string) bool {
	println("hindsight: not recording: " + GOOS + " is not supported, linux is")
	return false
}

func racedupfd(fd uintptr) int32 { return -1 }

func racerename() {}

func racereopen() bool { return false }

func racepid() int { return 0 }

func raceisfile(fd int32) bool { return false }

func racekeepwriting(saves bool) {}

func raceblocklarge(mask *sigset) {}

func racewritable() bool { return true }

func racemapvars() {}

const (
	raceEINTR  = 4
	raceEAGAIN = 35
)
