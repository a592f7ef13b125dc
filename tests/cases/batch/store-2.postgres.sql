SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA sample;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE sample.batches (
    run integer NOT NULL,
    seq integer NOT NULL,
    state integer NOT NULL,
    item_count bigint NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    request_digest text COLLATE pg_catalog."C",
    scope text COLLATE pg_catalog."C",
    input_ref text COLLATE pg_catalog."C",
    provider_batch_id text COLLATE pg_catalog."C",
    status text COLLATE pg_catalog."C",
    output_ref text COLLATE pg_catalog."C",
    error_ref text COLLATE pg_catalog."C",
    intent_at_s bigint DEFAULT 0 NOT NULL,
    next_try_at_ms bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    error_class text COLLATE pg_catalog."C",
    error_text text COLLATE pg_catalog."C",
    output_consumed bigint DEFAULT 0 NOT NULL,
    error_consumed bigint DEFAULT 0 NOT NULL,
    output_digest text COLLATE pg_catalog."C",
    error_digest text COLLATE pg_catalog."C"
);
CREATE TABLE sample.errors (
    run integer NOT NULL,
    key integer NOT NULL,
    class text NOT NULL COLLATE pg_catalog."C",
    text text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE sample.items (
    run integer NOT NULL,
    idx bigint NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    source integer NOT NULL,
    row_offset bigint NOT NULL,
    row_length integer NOT NULL,
    status integer NOT NULL,
    attempts integer NOT NULL,
    returns integer NOT NULL,
    batch integer NOT NULL,
    sequence bigint NOT NULL,
    error integer NOT NULL,
    row_check bigint DEFAULT 0 NOT NULL
);
CREATE TABLE sample.leases (
    run integer NOT NULL,
    unit integer NOT NULL,
    fence bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    until_ms bigint NOT NULL
);
CREATE TABLE sample.ranges (
    run integer NOT NULL,
    batch integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL
);
CREATE TABLE sample.results (
    run integer NOT NULL,
    sequence bigint NOT NULL,
    idx bigint NOT NULL,
    file integer NOT NULL,
    line_offset bigint NOT NULL,
    line_length integer NOT NULL,
    line_check bigint DEFAULT 0 NOT NULL
);
CREATE TABLE sample.runs (
    key integer NOT NULL,
    run_id text NOT NULL COLLATE pg_catalog."C",
    nonce text NOT NULL COLLATE pg_catalog."C",
    config text NOT NULL COLLATE pg_catalog."C",
    created_at_s bigint NOT NULL,
    control integer DEFAULT 0 NOT NULL,
    control_reason text COLLATE pg_catalog."C",
    ingest_complete integer DEFAULT 0 NOT NULL,
    ingest_source integer DEFAULT 0 NOT NULL,
    checkpoint text COLLATE pg_catalog."C",
    rows_bytes bigint DEFAULT 0 NOT NULL,
    item_count bigint DEFAULT 0 NOT NULL,
    pending bigint DEFAULT 0 NOT NULL,
    queued bigint DEFAULT 0 NOT NULL,
    submitted bigint DEFAULT 0 NOT NULL,
    completed bigint DEFAULT 0 NOT NULL,
    retryable bigint DEFAULT 0 NOT NULL,
    permanent bigint DEFAULT 0 NOT NULL,
    fresh_from bigint DEFAULT 0 NOT NULL,
    batch_count integer DEFAULT 0 NOT NULL,
    active_batches integer DEFAULT 0 NOT NULL,
    unknown_batches integer DEFAULT 0 NOT NULL,
    last_sequence bigint DEFAULT 0 NOT NULL,
    last_fence bigint DEFAULT 0 NOT NULL,
    last_error integer DEFAULT 0 NOT NULL,
    consecutive_failures bigint DEFAULT 0 NOT NULL,
    total_failures bigint DEFAULT 0 NOT NULL,
    next_retry_at_ms bigint DEFAULT 0 NOT NULL,
    error_class text COLLATE pg_catalog."C",
    error_text text COLLATE pg_catalog."C",
    exported_at_s bigint DEFAULT 0 NOT NULL,
    export_root text COLLATE pg_catalog."C",
    requests_pruned integer DEFAULT 0 NOT NULL,
    raw_pruned integer DEFAULT 0 NOT NULL
);
ALTER TABLE sample.runs ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME sample.runs_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE sample.schema_version (
    version integer NOT NULL
);
CREATE TABLE sample.scopes (
    scope text NOT NULL COLLATE pg_catalog."C",
    reserved bigint NOT NULL
);
CREATE TABLE sample.slices (
    run integer NOT NULL,
    source integer NOT NULL,
    number integer NOT NULL,
    begins bigint NOT NULL,
    ends bigint NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE sample.stamps (
    run integer NOT NULL,
    source integer NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_s bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    inode bigint NOT NULL
);
INSERT INTO sample.batches VALUES (1, 1, 6, 5, 100, 10, '0000000000000000000000000000000000000000000000000000000000000000', NULL, 'f', 'b', 'completed', 'out', NULL, 1, 0, 0, NULL, NULL, 40, 0, '1234000000000000000000000000000000000000000000000000000000000000', NULL);
INSERT INTO sample.batches VALUES (1, 2, 6, 5, 100, 10, '0000000000000000000000000000000000000000000000000000000000000000', NULL, 'f', 'b', 'completed', 'out', NULL, 1, 0, 0, NULL, NULL, 40, 0, '1234000000000000000000000000000000000000000000000000000000000000', NULL);
INSERT INTO sample.batches VALUES (1, 3, 6, 5, 100, 10, '0000000000000000000000000000000000000000000000000000000000000000', NULL, 'f', 'b', 'completed', 'out', NULL, 1, 0, 0, NULL, NULL, 40, 0, '1234000000000000000000000000000000000000000000000000000000000000', NULL);
INSERT INTO sample.batches VALUES (1, 4, 5, 5, 100, 10, '0000000000000000000000000000000000000000000000000000000000000000', 'scope', 'f', 'b', 'completed', 'out', NULL, 1, 0, 0, NULL, NULL, 0, 0, '1234000000000000000000000000000000000000000000000000000000000000', NULL);
INSERT INTO sample.items VALUES (1, 20, 'item-20', 0, 2000, 99, 0, 0, 0, 0, 0, 0, 21);
INSERT INTO sample.items VALUES (1, 21, 'item-21', 0, 2100, 99, 0, 0, 0, 0, 0, 0, 22);
INSERT INTO sample.items VALUES (1, 22, 'item-22', 0, 2200, 99, 0, 0, 0, 0, 0, 0, 23);
INSERT INTO sample.items VALUES (1, 23, 'item-23', 0, 2300, 99, 0, 0, 0, 0, 0, 0, 24);
INSERT INTO sample.items VALUES (1, 24, 'item-24', 0, 2400, 99, 0, 0, 0, 0, 0, 0, 25);
INSERT INTO sample.items VALUES (1, 25, 'item-25', 0, 2500, 99, 0, 0, 0, 0, 0, 0, 26);
INSERT INTO sample.items VALUES (1, 26, 'item-26', 0, 2600, 99, 0, 0, 0, 0, 0, 0, 27);
INSERT INTO sample.items VALUES (1, 27, 'item-27', 0, 2700, 99, 0, 0, 0, 0, 0, 0, 28);
INSERT INTO sample.items VALUES (1, 28, 'item-28', 0, 2800, 99, 0, 0, 0, 0, 0, 0, 29);
INSERT INTO sample.items VALUES (1, 29, 'item-29', 0, 2900, 99, 0, 0, 0, 0, 0, 0, 30);
INSERT INTO sample.items VALUES (1, 30, 'item-30', 0, 3000, 99, 0, 0, 0, 0, 0, 0, 31);
INSERT INTO sample.items VALUES (1, 31, 'item-31', 0, 3100, 99, 0, 0, 0, 0, 0, 0, 32);
INSERT INTO sample.items VALUES (1, 32, 'item-32', 0, 3200, 99, 0, 0, 0, 0, 0, 0, 33);
INSERT INTO sample.items VALUES (1, 33, 'item-33', 0, 3300, 99, 0, 0, 0, 0, 0, 0, 34);
INSERT INTO sample.items VALUES (1, 34, 'item-34', 0, 3400, 99, 0, 0, 0, 0, 0, 0, 35);
INSERT INTO sample.items VALUES (1, 35, 'item-35', 0, 3500, 99, 0, 0, 0, 0, 0, 0, 36);
INSERT INTO sample.items VALUES (1, 36, 'item-36', 0, 3600, 99, 0, 0, 0, 0, 0, 0, 37);
INSERT INTO sample.items VALUES (1, 37, 'item-37', 0, 3700, 99, 0, 0, 0, 0, 0, 0, 38);
INSERT INTO sample.items VALUES (1, 38, 'item-38', 0, 3800, 99, 0, 0, 0, 0, 0, 0, 39);
INSERT INTO sample.items VALUES (1, 39, 'item-39', 0, 3900, 99, 0, 0, 0, 0, 0, 0, 40);
INSERT INTO sample.items VALUES (1, 0, 'item-0', 0, 0, 99, 3, 1, 0, 1, 1, 0, 1);
INSERT INTO sample.items VALUES (1, 1, 'item-1', 0, 100, 99, 3, 1, 0, 1, 2, 0, 2);
INSERT INTO sample.items VALUES (1, 2, 'item-2', 0, 200, 99, 3, 1, 0, 1, 3, 0, 3);
INSERT INTO sample.items VALUES (1, 3, 'item-3', 0, 300, 99, 3, 1, 0, 1, 4, 0, 4);
INSERT INTO sample.items VALUES (1, 4, 'item-4', 0, 400, 99, 3, 1, 0, 1, 5, 0, 5);
INSERT INTO sample.items VALUES (1, 5, 'item-5', 0, 500, 99, 3, 1, 0, 2, 6, 0, 6);
INSERT INTO sample.items VALUES (1, 6, 'item-6', 0, 600, 99, 3, 1, 0, 2, 7, 0, 7);
INSERT INTO sample.items VALUES (1, 7, 'item-7', 0, 700, 99, 3, 1, 0, 2, 8, 0, 8);
INSERT INTO sample.items VALUES (1, 8, 'item-8', 0, 800, 99, 3, 1, 0, 2, 9, 0, 9);
INSERT INTO sample.items VALUES (1, 9, 'item-9', 0, 900, 99, 3, 1, 0, 2, 10, 0, 10);
INSERT INTO sample.items VALUES (1, 10, 'item-10', 0, 1000, 99, 3, 1, 0, 3, 11, 0, 11);
INSERT INTO sample.items VALUES (1, 11, 'item-11', 0, 1100, 99, 3, 1, 0, 3, 12, 0, 12);
INSERT INTO sample.items VALUES (1, 12, 'item-12', 0, 1200, 99, 3, 1, 0, 3, 13, 0, 13);
INSERT INTO sample.items VALUES (1, 13, 'item-13', 0, 1300, 99, 3, 1, 0, 3, 14, 0, 14);
INSERT INTO sample.items VALUES (1, 14, 'item-14', 0, 1400, 99, 3, 1, 0, 3, 15, 0, 15);
INSERT INTO sample.items VALUES (1, 15, 'item-15', 0, 1500, 99, 1, 0, 0, 4, 0, 0, 16);
INSERT INTO sample.items VALUES (1, 16, 'item-16', 0, 1600, 99, 1, 0, 0, 4, 0, 0, 17);
INSERT INTO sample.items VALUES (1, 17, 'item-17', 0, 1700, 99, 1, 0, 0, 4, 0, 0, 18);
INSERT INTO sample.items VALUES (1, 18, 'item-18', 0, 1800, 99, 1, 0, 0, 4, 0, 0, 19);
INSERT INTO sample.items VALUES (1, 19, 'item-19', 0, 1900, 99, 1, 0, 0, 4, 0, 0, 20);
INSERT INTO sample.leases VALUES (1, 4, 5, 'worker', 2000);
INSERT INTO sample.ranges VALUES (1, 4, 15, 19);
INSERT INTO sample.results VALUES (1, 1, 0, 0, 0, 9, 1);
INSERT INTO sample.results VALUES (1, 2, 1, 0, 10, 9, 2);
INSERT INTO sample.results VALUES (1, 3, 2, 0, 20, 9, 3);
INSERT INTO sample.results VALUES (1, 4, 3, 0, 30, 9, 4);
INSERT INTO sample.results VALUES (1, 5, 4, 0, 40, 9, 5);
INSERT INTO sample.results VALUES (1, 6, 5, 0, 50, 9, 6);
INSERT INTO sample.results VALUES (1, 7, 6, 0, 60, 9, 7);
INSERT INTO sample.results VALUES (1, 8, 7, 0, 70, 9, 8);
INSERT INTO sample.results VALUES (1, 9, 8, 0, 80, 9, 9);
INSERT INTO sample.results VALUES (1, 10, 9, 0, 90, 9, 10);
INSERT INTO sample.results VALUES (1, 11, 10, 0, 100, 9, 11);
INSERT INTO sample.results VALUES (1, 12, 11, 0, 110, 9, 12);
INSERT INTO sample.results VALUES (1, 13, 12, 0, 120, 9, 13);
INSERT INTO sample.results VALUES (1, 14, 13, 0, 130, 9, 14);
INSERT INTO sample.results VALUES (1, 15, 14, 0, 140, 9, 15);
INSERT INTO sample.runs OVERRIDING SYSTEM VALUE VALUES (1, 'r1', '0123456789abcdef', '{}', 1, 0, NULL, 1, 1, NULL, 4000, 40, 20, 0, 5, 15, 0, 0, 20, 4, 1, 0, 15, 5, 0, 0, 0, 0, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sample.schema_version VALUES (2);
INSERT INTO sample.scopes VALUES ('scope', 10);
INSERT INTO sample.slices VALUES (1, 0, 0, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000');
SELECT pg_catalog.setval('sample.runs_key_seq', 1, true);
ALTER TABLE ONLY sample.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (run, seq);
ALTER TABLE ONLY sample.errors
    ADD CONSTRAINT errors_pkey PRIMARY KEY (run, key);
ALTER TABLE ONLY sample.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (run, idx);
ALTER TABLE ONLY sample.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (run, unit);
ALTER TABLE ONLY sample.ranges
    ADD CONSTRAINT ranges_pkey PRIMARY KEY (run, batch, first);
ALTER TABLE ONLY sample.results
    ADD CONSTRAINT results_pkey PRIMARY KEY (run, sequence);
ALTER TABLE ONLY sample.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (key);
ALTER TABLE ONLY sample.runs
    ADD CONSTRAINT runs_run_id_key UNIQUE (run_id);
ALTER TABLE ONLY sample.scopes
    ADD CONSTRAINT scopes_pkey PRIMARY KEY (scope);
ALTER TABLE ONLY sample.slices
    ADD CONSTRAINT slices_pkey PRIMARY KEY (run, source, number);
ALTER TABLE ONLY sample.stamps
    ADD CONSTRAINT stamps_pkey PRIMARY KEY (run, source);
CREATE INDEX batches_open ON sample.batches USING btree (run, seq) WHERE (state < 6);
CREATE INDEX items_again ON sample.items USING btree (run, idx) WHERE (status = ANY (ARRAY[4, 6]));
CREATE UNIQUE INDEX items_by_id ON sample.items USING btree (run, item_id);
