package lint

// volatility of a default: PostgreSQL computes one that is not volatile once, when the column is added.
func (s *schema) volatility(expression tree) (volatile bool, why string) {
	each(tree{"": map[string]any(expression)}, func(kind string, node tree) {
		if kind != "FuncCall" || volatile {
			return
		}
		parts := node.names("funcname")
		if len(parts) == 0 {
			return
		}
		function := parts[len(parts)-1]
		made, known := s.volatile[function]
		switch {
		case known && made:
			volatile, why = true, function+"() was made without STABLE or IMMUTABLE"
		case known, steady[function]:
		case wild[function]:
			volatile, why = true, function+"() is volatile"
		default:
			volatile, why = true, function+"() is not known here and is taken for volatile"
		}
	})
	return volatile, why
}

// wild are the volatile functions that defaults call.
var wild = words(`random clock_timestamp timeofday gen_random_uuid nextval setval currval lastval pg_sleep set_config
	uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_bytes gen_salt`)

// steady are functions of PostgreSQL that are not volatile in any form; test compares both lists with pg_proc.
var steady = words(`now transaction_timestamp statement_timestamp current_setting current_database current_schema current_schemas
	to_char to_date to_timestamp to_number date_trunc date_part extract make_date make_interval make_time make_timestamp make_timestamptz age timezone
	justify_days justify_hours justify_interval isfinite overlay
	lower upper initcap length char_length octet_length substring substr left right replace trim btrim ltrim rtrim lpad rpad concat concat_ws format
	md5 sha224 sha256 sha384 sha512 encode decode repeat reverse translate split_part strpos position ascii chr quote_ident quote_literal
	regexp_replace regexp_match string_to_array array_to_string array_append array_prepend array_cat array_length array_fill cardinality
	abs ceil ceiling floor round trunc sign mod power sqrt exp ln log greatest least
	jsonb_build_object jsonb_build_array json_build_object json_build_array to_json to_jsonb jsonb_set row_to_json jsonb_object json_object
	int4range int8range numrange daterange tsrange tstzrange txid_current pg_current_xact_id
	to_tsvector to_tsquery plainto_tsquery setweight`)
