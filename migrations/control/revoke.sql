-- Run in the transaction of every migration: PostgreSQL lets everybody call a new function, and grants.sql comes only after the last
-- file. Default privileges would not do: those of one schema cannot take away what the server itself gives.
REVOKE ALL ON ALL ROUTINES IN SCHEMA tenantry FROM PUBLIC;
