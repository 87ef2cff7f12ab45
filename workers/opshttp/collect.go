package opshttp

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tenantry_"+name, help, labels, nil)
}

// sink sends measured values to Prometheus.
type sink chan<- prometheus.Metric

func (ch sink) gauge(d *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (ch sink) count(d *prometheus.Desc, value int64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

var processDesc = desc("process_info",
	"Always 1: the version of this process, and the id of its worker as the fleet's metrics name it (empty without one).",
	"version", "worker")

// processInfo says what this process is, so that its own numbers can be joined with the fleet's.
type processInfo struct {
	version  string
	workerID func() string
}

func (processInfo) Describe(ch chan<- *prometheus.Desc) { ch <- processDesc }

func (p processInfo) Collect(ch chan<- prometheus.Metric) {
	sink(ch).gauge(processDesc, 1, p.version, p.workerID())
}

// scrapeLog is where promhttp tells what it could not collect.
type scrapeLog struct{ log zerolog.Logger }

func (l scrapeLog) Println(v ...any) {
	l.log.Warn().Str("error", strings.TrimSpace(fmt.Sprintln(v...))).Msg("metrics not complete")
}
