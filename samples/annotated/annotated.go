// Annotated counts visits of pages, and says itself what it does, so that an
// ordinary build can be recorded: annotated FILE writes a trace. The pages have a
// lock, the total has none.
//
// Expect: race main.total.v annotated.go:28 annotated.go:28
package main

import (
	"fmt"
	"os"

	"github.com/hindsight-go/hindsight/collect"
)

var (
	mu    collect.Mutex
	pages = map[string]int{} // protected by mu
	total collect.Var[int]
)

func visit(page string) {
	mu.Lock()
	collect.Write(&pages)
	pages[page]++
	mu.Unlock()

	// The lock is gone: two visits can read the same total.
	total.Set(total.Get() + 1)
}

func main() {
	collect.Name(&pages, "main.pages")
	collect.Name(&total, "main.total")
	if len(os.Args) > 1 {
		if err := (collect.Window{}).StartFile(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var wg collect.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range 100 {
				visit(fmt.Sprint("page ", i%10))
			}
		})
	}
	wg.Wait()
	fmt.Println("visits:", total.Get(), "of 200")
	if len(os.Args) > 1 {
		if err := collect.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
