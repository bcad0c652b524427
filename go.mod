module github.com/hindsight-go/hindsight

go 1.26
