package main

var channels = []litmus{
	{"01-unbuffered-send-receive-none", none, "", func() {
		c := make(chan int)
		go func() {
			x = 1
			c <- 0
		}()
		<-c
		x = 2
	}},
	{"02-unbuffered-receive-send-none", none, "", func() {
		c := make(chan int)
		go func() {
			x = 1
			<-c
		}()
		c <- 0
		x = 2
	}},
	{"03-buffered-send-receive-none", none, "", func() {
		c := make(chan int, 1)
		go func() {
			x = 1
			c <- 0
		}()
		<-c
		x = 2
	}},
	{"04-buffered-receive-same-send-race", race, "main.x", func() {
		c := make(chan int, 1)
		done := newMoment()
		go func() {
			x = 1 //04
			<-c
			done.come()
		}()
		c <- 0
		x = 2 //04
		done.wait()
	}},
	{"05-receive-then-send-one-capacity-later-none", none, "", func() {
		c := make(chan int, 1)
		c <- 0
		go func() {
			x = 1
			<-c
		}()
		c <- 0
		x = 2
	}},
	{"06-send-send-race", race, "main.x", func() {
		c := make(chan int, 2)
		first(func() {
			x = 1 //06
			c <- 0
		})
		c <- 0
		x = 2 //06
	}},
	{"07-receive-receive-race", race, "main.x", func() {
		c := make(chan int, 2)
		c <- 0
		c <- 0
		first(func() {
			x = 1 //07
			<-c
		})
		<-c
		x = 2 //07
	}},
	{"08-send-send-of-nothing-race", race, "main.x", func() {
		c := make(chan struct{}, 2)
		first(func() {
			x = 1 //08
			c <- struct{}{}
		})
		c <- struct{}{}
		x = 2 //08
	}},
	{"09-close-receive-of-zero-none", none, "", func() {
		c := make(chan int, 1)
		first(func() {
			x = 1
			close(c)
		})
		<-c
		x = 2
	}},
	{"10-close-receive-of-buffered-race", race, "main.x", func() {
		c := make(chan int, 1)
		c <- 0
		first(func() {
			x = 1 //10
			close(c)
		})
		<-c
		x = 2 //10
	}},
	{"11-close-receive-of-buffered-nothing-race", race, "main.x", func() {
		c := make(chan struct{}, 1)
		c <- struct{}{}
		first(func() {
			x = 1 //11
			close(c)
		})
		<-c
		x = 2 //11
	}},
	{"12-close-parked-receiver-none", none, "", func() {
		c := make(chan int)
		go func() {
			parked("chan receive")
			x = 1
			close(c)
		}()
		<-c
		x = 2
	}},
	{"13-close-and-send-misuse", misuse, "HB01", func() {
		c := make(chan int, 1)
		first(func() {
			c <- 0 //13
		})
		close(c) //13
	}},
	{"14-full-channel-default-race", race, "main.x", func() {
		c := make(chan int, 1)
		c <- 0
		first(func() {
			x = 1 //14
			trySend(c)
		})
		trySend(c)
		x = 2 //14
	}},
	{"15-polling-len-race", race, "main.x", func() {
		c := make(chan int, 1)
		go func() {
			x = 1 //15
			c <- 0
		}()
		for len(c) == 0 {
			yield()
		}
		x = 2 //15
	}},
	{"16a-select-send-none", none, "", func() {
		c := make(chan int)
		go func() {
			x = 1
			choose(c)
		}()
		<-c
		x = 2
	}},
	{"16b-select-send-buffered-none", none, "", func() {
		c := make(chan int, 1)
		go func() {
			x = 1
			choose(c)
		}()
		<-c
		x = 2
	}},
	{"17-default-forced-by-send-race", race, "main.x", func() {
		c := make(chan int, 1)
		turn := func() {
			select {
			case c <- 0:
				x = 1 //17
			default:
				x = 2 //17
			}
		}
		both(turn, turn)
	}},
}

func trySend(c chan int) {
	select {
	case c <- 0:
		panic("there was room")
	default:
	}
}

// choose sends on c by a select that the compiler cannot make simpler.
func choose(c chan int) {
	var never chan int
	select {
	case c <- 0:
	case <-never:
	}
}
