// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

package trace

import _ "unsafe" // for linkname

// While the process records, the recorder owns the runtime's trace, and this
// package reads a copy of its stream. The three functions stand for
// runtime.StartTrace, ReadTrace and StopTrace, which they are given to call
// when nothing records.

// raceTeed tells which of the two the running trace is. It is written with
// tracing locked, while no reader runs; that is nothing that a recording knows.
var raceTeed bool

//go:norace
func raceStart(start func() error) error {
	raceTeed = runtime_raceStart()
	if raceTeed {
		return nil
	}
	return start()
}

//go:norace
func raceRead(read func() []byte) []byte {
	if raceTeed {
		return runtime_raceRead()
	}
	return read()
}

//go:norace
func raceStop(stop func()) {
	if raceTeed {
		runtime_raceStop()
		return
	}
	stop()
}

//go:linkname runtime_raceStart
func runtime_raceStart() bool

//go:linkname runtime_raceRead
func runtime_raceRead() []byte

//go:linkname runtime_raceStop
func runtime_raceStop()
