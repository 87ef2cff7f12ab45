-- Plans of rename_form, made by TestGolden: see golden_test.go.


-- case: to another label
-- change: {"operations": [{"op": "rename_form", "form": "p", "label": "Pröjects \"2\""}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER VIEW "form_views"."Projects" RENAME TO "Pröjects ""2""";

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER VIEW "form_views"."Projects" RENAME TO "Pröjects ""2""";
