//go:build !race

package main

func annotated() {}
