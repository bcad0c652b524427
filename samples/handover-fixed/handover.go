// Handover-fixed sends an order over a channel and lets go of it.
//
// Expect: none
package main

import "fmt"

type order struct {
	item  string
	count int
}

func main() {
	orders := make(chan *order)
	go func() {
		o := &order{item: "tea"}
		o.count = 2
		orders <- o
	}()
	fmt.Println("ordered", (<-orders).count)
}
