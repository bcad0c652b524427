// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

#include "go_asm.h"
#include "textflag.h"

// The hooks that the compiler calls most, for the cases that most calls are.
// race_portable.go says the same in Go; a change there is one here.
//
// Instrumented code calls them, on whatever stack it has: they need none, being
// leaves without a frame. A nosplit function of assembly is not preempted, and
// its stack is not looked through for pointers. What they write are counters and
// pcs, in memory that the collector does not know: no write barrier.
//
// What is left is Go's (race_amd64.go), by a jump: there sys.GetCallerPC and
// sys.GetCallerSP are what they would be in the hook. A function jumped to has
// the hook's argument and no other: it may save arguments in its caller's
// frame, where the instrumented code has made room for the hook's only.
//
// ABIInternal: the argument is in AX, g in R14. Other integer registers are free;
// R15 is the assembler's when it links dynamically.

// RETURN_IF_KNOWN returns from an access to the byte at AX if nothing is recorded,
// if the filter knows it in the epoch of the kind (0: read, 1: write; see
// raceproc.seen), or if it is in the goroutine's own stack: this last,
// because what is known is there seldom enough. It goes on at its end with what is
// to be recorded, and at elsewhere if not raceproc.current. CX is the racestate,
// BX the raceproc, DX the address's part of the line's key, then its difference
// from the line.
#define RETURN_IF_KNOWN(kind) \
	MOVQ	g_racectx(R14), CX; \
	TESTQ	CX, CX; \
	JEQ	known; \
	MOVQ	racestate_proc(CX), BX; \
	TESTQ	BX, BX; \
	JEQ	elsewhere; \
	CMPQ	raceproc_cur(BX), CX; \
	JNE	elsewhere; \
	MOVQ	g_m(R14), DX; \
	MOVQ	m_p(DX), DX; \
	CMPQ	raceproc_pp(BX), DX; \
	JNE	elsewhere; \
	MOVL	runtime·mheap_+mheap_sweepgen(SB), DX; \
	CMPL	raceproc_sweepgen(BX), DX; \
	JNE	elsewhere; \
	MOVQ	AX, DX; \
	SHRQ	$const_raceLineShift, DX; \
	MOVQ	AX, SI; \
	SHRQ	$3, SI; \
	XORQ	DX, SI; \
	ANDL	raceproc_mask(BX), SI; \
	SHLQ	$(8+const_raceEpochBits), DX; \
	MOVL	(raceproc_epochs+kind*4)(BX), DI; \
	SHLQ	$8, DI; \
	ORQ	DI, DX; \
	XORQ	(raceproc_lines+kind*const_raceLines*8)(BX)(SI*8), DX; \
	CMPQ	DX, $(1<<8); \
	JCC	unseen; \
	MOVL	AX, SI; \
	ANDL	$7, SI; \
	BTL	SI, DX; \
	JCC	unseen; \
known:; \
	RET; \
unseen:; \
	MOVQ	(g_stack+stack_lo)(R14), BX; \
	MOVQ	(g_stack+stack_hi)(R14), DX; \
	SUBQ	BX, DX; \
	MOVQ	AX, SI; \
	SUBQ	BX, SI; \
	CMPQ	SI, DX; \
	JCS	known

// func raceread(addr uintptr)
TEXT runtime·raceread<ABIInternal>(SB), NOSPLIT|NOFRAME, $0-8
	RETURN_IF_KNOWN(0)
	MOVQ	$(const_rawRead<<const_rawKindShift), CX
	ORQ	CX, AX
	JMP	runtime·raceunseen<ABIInternal>(SB)
elsewhere:
	MOVQ	$(const_rawRead<<const_rawKindShift), CX
	ORQ	CX, AX
	JMP	runtime·raceelsewhere<ABIInternal>(SB)

// func racewrite(addr uintptr)
TEXT runtime·racewrite<ABIInternal>(SB), NOSPLIT|NOFRAME, $0-8
	RETURN_IF_KNOWN(1)
	MOVQ	$(const_rawWrite<<const_rawKindShift), CX
	ORQ	CX, AX
	JMP	runtime·raceunseen<ABIInternal>(SB)
elsewhere:
	MOVQ	$(const_rawWrite<<const_rawKindShift), CX
	ORQ	CX, AX
	JMP	runtime·raceelsewhere<ABIInternal>(SB)

// CUT returns from racefuncenter and racefuncexit if nothing is recorded. Else CX
// is the racestate, BX its stack, DX the distance of the function that
// calls, and SI the number of calls that stay: those that are farther out.
// low is corrected, depth is not. What is a distance: raceframe.off.
#define CUT \
	MOVQ	g_racectx(R14), CX; \
	TESTQ	CX, CX; \
	JEQ	off; \
	MOVQ	(g_stack+stack_hi)(R14), DX; \
	LEAQ	8(SP), BX; \ // sys.GetCallerSP()
	SUBQ	BX, DX; \
	MOVQ	racestate_stack(CX), BX; \
	MOVLQSX	racestate_depth(CX), SI; \
	JMP	look; \
pop:; \
	DECQ	SI; \
look:; \
	TESTQ	SI, SI; \
	JEQ	cut; \
	CMPL	(raceframe_off-raceframe__size)(BX)(SI*raceframe__size), DX; \
	JCC	pop; \
cut:; \
	CMPL	SI, racestate_low(CX); \
	JGE	lowest; \
	MOVL	SI, racestate_low(CX); \
lowest:

// func racefuncenter(callpc uintptr)
TEXT runtime·racefuncenter<ABIInternal>(SB), NOSPLIT|NOFRAME, $0-8
	CUT
	CMPL	SI, racestate_size(CX)
	JEQ	full
	LEAL	1(SI), DI
	MOVL	DI, racestate_depth(CX)
	MOVQ	runtime·racetext(SB), DI	// racepc
	MOVQ	runtime·raceetext(SB), R8
	SUBQ	DI, AX
	SUBQ	DI, R8
	MOVL	$const_raceNoPC, DI
	CMPQ	AX, R8
	CMOVLCC	DI, AX
	MOVL	DX, raceframe_off(BX)(SI*raceframe__size)	// racestate.push
	CMPL	raceframe_pc(BX)(SI*raceframe__size), AX
	JNE	other
	CMPL	SI, racestate_low(CX)
	JNE	off
	CMPL	SI, racestate_same(CX)
	JGE	off
	INCL	racestate_low(CX)
off:
	RET
other:
	MOVL	AX, raceframe_pc(BX)(SI*raceframe__size)
	CMPL	SI, racestate_same(CX)
	JGE	off
	MOVL	SI, racestate_same(CX)
	RET
full:
	MOVL	SI, racestate_depth(CX)
	JMP	runtime·raceoverflow<ABIInternal>(SB)

// func racefuncexit()
TEXT runtime·racefuncexit<ABIInternal>(SB), NOSPLIT|NOFRAME, $0-0
	CUT
	MOVL	SI, racestate_depth(CX)
off:
	RET
