// Unnoticed does something that a recorder could spoil: it is built plainly and
// instrumented, and must behave the same. What it races on is main.x.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/trace"
	"sync"
	"syscall"
	"testing"
	"time"
)

var x int

func main() {
	done := make(chan bool)
	go func() { x++; done <- true }()
	x++
	<-done
	cases[os.Args[1]]()
}

var cases = map[string]func(){
	"return":  func() {},
	"exit":    func() { os.Exit(3) },
	"direct":  func() { syscall.Exit(4) },
	"panic":   func() { panic("boom") },
	"fault":   func() { var p *int; *p = 1 },
	"goexit":  func() { runtime.Goexit() },
	"recover": func() { defer func() { fmt.Println(recover()) }(); panic(errors.New("caught")) },
	"deadlock": func() {
		var mu sync.Mutex
		mu.Lock()
		mu.Lock()
	},
	"asleep": func() { select {} },
	"mapwrites": func() {
		m := map[int]int{}
		go func() {
			for {
				m[1] = 1
			}
		}()
		for {
			m[2] = 1
		}
	},
	"overflow": func() {
		var f func(int) int
		f = func(i int) int { return f(i+1) + 1 }
		f(0)
	},
	"terminated": func() { kill(syscall.SIGTERM) },
	"killed":     func() { time.Sleep(time.Hour) }, // by who runs it
	"caught": func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		fmt.Println(<-c)
	},
	"goroutines": func() {
		for runtime.NumGoroutine() > 1 {
			runtime.Gosched()
		}
		buf := make([]byte, 1<<16)
		fmt.Println(runtime.NumGoroutine(), bytes.Count(buf[:runtime.Stack(buf, true)], []byte("goroutine ")))
	},
	"child": func() {
		c := exec.Command(os.Args[0], "exit")
		c.Stderr = os.Stderr
		fmt.Println(c.Run())
	},
	"descriptors": func() {
		f, err := os.Open(os.DevNull)
		fmt.Println(err, f.Fd() < 20)
		out, err := exec.Command("/bin/sh", "-c", "ls /proc/self/fd | wc -l").Output()
		fmt.Printf("%s %v\n", out, err)
	},
	"allocations": func() {
		var s []byte
		fmt.Println(testing.AllocsPerRun(1000, func() { s = make([]byte, 100) }), len(s))
	},
	"traced": func() {
		var b bytes.Buffer
		if err := trace.Start(&b); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(trace.Start(&b))
		trace.Log(context.Background(), "category", "message")
		trace.Stop()
		trace.Start(io.Discard)
		trace.Stop()
		fmt.Println(bytes.HasPrefix(b.Bytes(), []byte("go 1.")), bytes.Contains(b.Bytes(), []byte("message")))
	},
	"setuid": func() { fmt.Println(syscall.Setuid(os.Getuid())) }, // a system call by every thread
	"input":  func() { b, err := io.ReadAll(os.Stdin); fmt.Println(len(b), err) },
}

func kill(s syscall.Signal) {
	syscall.Kill(os.Getpid(), s)
	time.Sleep(time.Hour) // another thread may get the signal
}
