// Handover sends an order over a channel and goes on changing it. The channel
// orders what was done before the send, not what is done after it.
//
// Expect: race heap@handover.go:18 handover.go:22 handover.go:25
package main

import "fmt"

type order struct {
	item  string
	count int
}

func main() {
	orders := make(chan *order)
	done := make(chan bool)
	go func() {
		o := &order{item: "tea"}
		o.count = 1
		orders <- o

		o.count = 2 // the receiver owns it now
		done <- true
	}()
	fmt.Println("ordered", (<-orders).count)
	<-done
}
