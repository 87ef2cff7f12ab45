package export

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// errNoValue says that a text is not as PostgreSQL writes values of its type. What it is stays in the database.
var errNoValue = errors.New("a value is not as PostgreSQL writes those of its type")

func valueText(text []byte) (parquet.Value, error) { return parquet.ByteArrayValue(text), nil }

func valueBool(text []byte) (parquet.Value, error) {
	return parquet.BooleanValue(string(text) == "t"), nil
}

func valueInt32(text []byte) (parquet.Value, error) {
	n, err := strconv.ParseInt(string(text), 10, 32)
	return parquet.Int32Value(int32(n)), noValue(err)
}

func valueInt64(text []byte) (parquet.Value, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	return parquet.Int64Value(n), noValue(err)
}

// valueFloat takes NaN and Infinity as well: both write them so.
func valueFloat(text []byte) (parquet.Value, error) {
	n, err := strconv.ParseFloat(string(text), 32)
	return parquet.FloatValue(float32(n)), noValue(err)
}

func valueDouble(text []byte) (parquet.Value, error) {
	n, err := strconv.ParseFloat(string(text), 64)
	return parquet.DoubleValue(n), noValue(err)
}

// noValue hides the text in an error.
func noValue(err error) error {
	if err != nil {
		return errNoValue
	}
	return nil
}

func valueDate(text []byte) (parquet.Value, error) {
	const day = 24 * 60 * 60
	t, err := time.Parse(time.DateOnly, string(text))
	return parquet.Int32Value(int32(t.Unix() / day)), noValue(err) //nolint:gosec // G115: years have four digits here
}

// valueTimestamp is in microseconds since 1970. With a time zone it is written in UTC.
func valueTimestamp(text []byte) (parquet.Value, error) {
	t, err := time.Parse(time.DateTime, strings.TrimSuffix(string(text), "+00"))
	return parquet.Int64Value(t.UnixMicro()), noValue(err)
}

// valueTime is in microseconds since midnight.
func valueTime(text []byte) (parquet.Value, error) {
	t, err := time.Parse(time.TimeOnly, string(text))
	return parquet.Int64Value(t.Sub(t.Truncate(24 * time.Hour)).Microseconds()), noValue(err)
}

func valueUUID(text []byte) (parquet.Value, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(string(text), "-", ""))
	return parquet.FixedLenByteArrayValue(raw), noValue(err)
}

// valueBytea takes \x and hexadecimal digits.
func valueBytea(text []byte) (parquet.Value, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(string(text), `\x`))
	return parquet.ByteArrayValue(raw), noValue(err)
}

// mostDigits is how many digits data tools take in a decimal.
const mostDigits = 38

// parquetDecimal tells how a numeric of that modifier is written. One that is not bounded, or beyond what others take, is a text.
func parquetDecimal(mod int32) parquetColumn {
	const header, scaleBits, scaleSign = 4, 0x7ff, 1024
	if mod < header {
		return asText
	}
	precision := int((mod - header) >> 16 & 0xffff)
	scale := int((mod-header)&scaleBits^scaleSign) - scaleSign // it may be negative
	if precision > mostDigits || scale < 0 || scale > precision {
		return asText
	}
	c := parquetColumn{plain: "%[1]s = 'NaN'"}
	switch {
	case precision <= 9:
		c.node = parquet.Decimal(scale, precision, parquet.Int32Type)
		c.value = func(text []byte) (parquet.Value, error) {
			digits, err := unscaled(text, scale)
			if err != nil {
				return parquet.Value{}, err
			}
			return valueInt32(digits)
		}
	case precision <= 18:
		c.node = parquet.Decimal(scale, precision, parquet.Int64Type)
		c.value = func(text []byte) (parquet.Value, error) {
			digits, err := unscaled(text, scale)
			if err != nil {
				return parquet.Value{}, err
			}
			return valueInt64(digits)
		}
	default:
		c.node = parquet.Decimal(scale, precision, parquet.FixedLenByteArrayType(decimalBytes))
		c.value = func(text []byte) (parquet.Value, error) { return valueDecimal(text, scale) }
	}
	return c
}

// decimalBytes is how many bytes a number of mostDigits takes.
const decimalBytes = 16

// valueDecimal is a whole number in two's complement, its highest byte first.
func valueDecimal(text []byte, scale int) (parquet.Value, error) {
	digits, err := unscaled(text, scale)
	if err != nil {
		return parquet.Value{}, err
	}
	n, is := new(big.Int).SetString(string(digits), 10)
	if !is || n.BitLen() >= decimalBytes*8 {
		return parquet.Value{}, errNoValue
	}
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), decimalBytes*8))
	}
	return parquet.FixedLenByteArrayValue(n.FillBytes(make([]byte, decimalBytes))), nil
}

// unscaled takes the point out of a number that has so many digits after it.
func unscaled(text []byte, scale int) ([]byte, error) {
	whole, fraction, _ := strings.Cut(string(text), ".")
	if len(fraction) != scale {
		return nil, fmt.Errorf("%d digits after the point instead of %d: %w", len(fraction), scale, errNoValue)
	}
	return []byte(whole + fraction), nil
}
