// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race && !unix

package poll

// Where descriptors are not those of Unix, only the race detector's own
// annotations are recorded.

func raceIOClose[T any](T) {}

func raceIOShutdown[T any](T, int) {}
