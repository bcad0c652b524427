// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

package race

import "unsafe"

// Functions below pushed from runtime, as those of race.go are.

// MisuseRead and MisuseWrite are pseudo accesses to a primitive: a conflict is
// reported as misuse, under the rule's number, not as a race.
//
//go:linkname MisuseRead
func MisuseRead(addr unsafe.Pointer, rule uint32)

//go:linkname MisuseWrite
func MisuseWrite(addr unsafe.Pointer, rule uint32)

// WaitGroupAdd is called before a WaitGroup's counter changes by delta.
//
//go:linkname WaitGroupAdd
func WaitGroupAdd(addr unsafe.Pointer, delta int)

// PoolPut is called before x is in a pool, PoolGet after it has been taken out.
// Both get the data word of the interface.
//
//go:linkname PoolPut
func PoolPut(x unsafe.Pointer)

//go:linkname PoolGet
func PoolGet(x unsafe.Pointer)
