package tenants

// Locale is how a database writes and sorts text.
type Locale struct {
	Encoding  string `db:"encoding"  json:"encoding"`
	Provider  string `db:"provider"  json:"provider"` // c, i or b, as pg_database.datlocprovider
	Collate   string `db:"collate"   json:"collate"`
	CType     string `db:"ctype"     json:"ctype"`
	ICULocale string `db:"iculocale" json:"icu_locale"` // of the providers i and b
}
