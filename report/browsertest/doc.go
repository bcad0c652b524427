// Package browsertest tests reports with those who read them: pages in Chromium,
// SARIF against its schema. It is a module of its own, so that users of Hindsight
// do not have its dependencies.
//
//	go test . -shots DIR
//
// also writes screenshots, for a person to look at.
package browsertest
