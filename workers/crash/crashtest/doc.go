// Package crashtest is what the crash suite stands on: the program, built once; worker processes that stop at named
// points and can be killed, frozen and ended; and [Check], the look at a fleet that finds whatever a fault left behind.
package crashtest
