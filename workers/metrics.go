package workers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what this process did. The state of the fleet is measured in the control database by opshttp.
type Metrics struct {
	runs      *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

// NewMetrics registers the process's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenantry_runs_total",
			Help: "Attempts of operations that ended in this process, by kind and outcome.",
		}, []string{"kind", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tenantry_run_duration_seconds",
			Help:    "How long attempts of operations took in this process, by kind.",
			Buckets: []float64{0.005, 0.02, 0.1, 0.5, 1, 2, 5, 15, 60, 300, 1800},
		}, []string{"kind"}),
	}
	reg.MustRegister(m.runs, m.durations)
	return m
}

func (m *Metrics) observe(kind string, out outcome, took time.Duration) {
	if m == nil {
		return
	}
	m.runs.WithLabelValues(kind, string(out)).Inc()
	m.durations.WithLabelValues(kind).Observe(took.Seconds())
}
