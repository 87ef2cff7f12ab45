package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBeginningOfAStatement(t *testing.T) {
	t.Parallel()
	lines := func(n int) string { return strings.TrimSuffix(strings.Repeat("x\n", n), "\n") }
	require.Equal(t, lines(30), beginning(lines(30)))
	require.Equal(t, lines(20)+"\n… and 11 more lines; -o json has all of them", beginning(lines(31)))
}
