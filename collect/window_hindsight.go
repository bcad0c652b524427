//go:build hindsight

package collect

import _ "unsafe" // for go:linkname

// The recorder's windows: their bodies are in package runtime of a program that
// hindsight has built (collect/overlay/_runtime/race_window.go), which has this
// build tag.

// windowStart begins to record into a copy of the descriptor fd, until
// windowStop or, if limit is not 0, until about limit bytes have been written.
// What it returns is empty or says why it does not record.
//
//go:linkname windowStart
func windowStart(fd uintptr, limit int64) (err string)

// windowStop ends the recording and returns, when all of it has been written,
// how many bytes that was; or it says why there is no whole recording.
//
//go:linkname windowStop
func windowStop() (bytes int64, err string)

// windowStatus reports whether the program records, how much it has written
// since the recording began, and what has gone wrong.
//
//go:linkname windowStatus
func windowStatus() (recording bool, bytes int64, err string)
