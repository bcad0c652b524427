// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

package runtime

import _ "unsafe" // for go:linkname

//go:linkname collect_windowStart github.com/hindsight-go/hindsight/collect.windowStart
func collect_windowStart(fd uintptr, limit int64) (err string) {
	if raceon {
		return "the program is recorded as a whole: HINDSIGHT is set"
	}
	return "windows are not supported yet"
}

//go:linkname collect_windowStop github.com/hindsight-go/hindsight/collect.windowStop
func collect_windowStop() (bytes int64, err string) {
	return 0, "no window is open"
}

//go:linkname collect_windowStatus github.com/hindsight-go/hindsight/collect.windowStatus
func collect_windowStatus() (recording bool, bytes int64, err string) {
	return raceon, 0, ""
}
