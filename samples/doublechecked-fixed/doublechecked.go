// Doublechecked-fixed creates a value on first use with sync.OnceValue.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

type config struct{ name string }

var get = sync.OnceValue(func() *config { return &config{name: "default"} })

func main() {
	go get()
	fmt.Println(get().name)
}
