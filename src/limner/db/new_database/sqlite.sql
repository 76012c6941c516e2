CREATE TABLE accounts (
	id VARCHAR(36) NOT NULL,
	name VARCHAR(100) NOT NULL,
	tag VARCHAR(40) NOT NULL,
	available BIGINT DEFAULT '0' NOT NULL,
	frozen BIGINT DEFAULT '0' NOT NULL,
	queue_clock BIGINT DEFAULT '0' NOT NULL,
	weight INTEGER DEFAULT '1' NOT NULL,
	created_ms BIGINT NOT NULL,
	most_credits_a_day BIGINT,
	most_credits_a_month BIGINT,
	day INTEGER DEFAULT '0' NOT NULL,
	spent_on_day BIGINT DEFAULT '0' NOT NULL,
	day_warned INTEGER DEFAULT '0' NOT NULL,
	month INTEGER DEFAULT '0' NOT NULL,
	spent_in_month BIGINT DEFAULT '0' NOT NULL,
	month_warned INTEGER DEFAULT '0' NOT NULL,
	max_vendor_usd FLOAT,
	fallback VARCHAR(10),
	CONSTRAINT pk_accounts PRIMARY KEY (id),
	CONSTRAINT ck_accounts_available_not_negative CHECK (available >= 0),
	CONSTRAINT ck_accounts_frozen_not_negative CHECK (frozen >= 0),
	CONSTRAINT ck_accounts_weight_at_least_one CHECK (weight >= 1),
	CONSTRAINT uq_accounts_name UNIQUE (name),
	CONSTRAINT uq_accounts_tag UNIQUE (tag)
);

CREATE TABLE queue_clock (
	id INTEGER NOT NULL,
	place BIGINT NOT NULL,
	CONSTRAINT pk_queue_clock PRIMARY KEY (id)
);

CREATE TABLE breakers (
	route VARCHAR(100) NOT NULL,
	failures INTEGER NOT NULL,
	openings INTEGER NOT NULL,
	open_until_ms BIGINT NOT NULL,
	kind VARCHAR(30),
	reason TEXT,
	changed_ms BIGINT NOT NULL,
	rest_until_ms BIGINT DEFAULT '0' NOT NULL,
	rest_reason TEXT,
	CONSTRAINT pk_breakers PRIMARY KEY (route)
);

CREATE TABLE provider_checks (
	provider VARCHAR(60) NOT NULL,
	checked_ms BIGINT NOT NULL,
	well INTEGER,
	says TEXT,
	drifts TEXT,
	CONSTRAINT pk_provider_checks PRIMARY KEY (provider)
);

CREATE TABLE meters (
	provider VARCHAR(60) NOT NULL,
	paused_until_ms BIGINT DEFAULT '0' NOT NULL,
	next_us BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_meters PRIMARY KEY (provider)
);

CREATE TABLE blobs (
	id VARCHAR(64) NOT NULL,
	size BIGINT NOT NULL,
	media_type VARCHAR(40) NOT NULL,
	created_ms BIGINT NOT NULL,
	let_go_ms BIGINT,
	condemned_ms BIGINT,
	condemned_by VARCHAR(120),
	phash BLOB,
	CONSTRAINT pk_blobs PRIMARY KEY (id)
);

CREATE INDEX ix_blobs_condemned ON blobs (condemned_ms) WHERE condemned_ms IS NOT NULL;

CREATE INDEX ix_blobs_let_go ON blobs (let_go_ms) WHERE let_go_ms IS NOT NULL;

CREATE TABLE blob_uses (
	blob VARCHAR(64) NOT NULL,
	kind VARCHAR(6) NOT NULL,
	holder VARCHAR(36) NOT NULL,
	CONSTRAINT pk_blob_uses PRIMARY KEY (blob, kind, holder),
	CONSTRAINT ck_blob_uses_kind_known CHECK (kind IN ('upload','input','result'))
);

CREATE INDEX ix_blob_uses_holder ON blob_uses (holder);

CREATE TABLE blob_pins (
	blob VARCHAR(64) NOT NULL,
	holder VARCHAR(36) NOT NULL,
	at_ms BIGINT NOT NULL,
	CONSTRAINT pk_blob_pins PRIMARY KEY (blob, holder)
);

CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	at_ms BIGINT NOT NULL,
	actor VARCHAR(200) NOT NULL,
	act VARCHAR(40) NOT NULL,
	subject VARCHAR(200) NOT NULL,
	details TEXT NOT NULL
);

CREATE INDEX ix_audit_at_ms ON audit (at_ms);

CREATE TABLE idempotency (
	account VARCHAR(36) NOT NULL,
	"key" VARCHAR(255) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	task VARCHAR(36) NOT NULL,
	created_ms BIGINT NOT NULL,
	CONSTRAINT pk_idempotency PRIMARY KEY (account, "key")
);

CREATE INDEX ix_idempotency_created_ms ON idempotency (created_ms);

CREATE TABLE task_events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	account VARCHAR(36) NOT NULL,
	task VARCHAR(36) NOT NULL,
	status VARCHAR(10) NOT NULL,
	at_ms BIGINT NOT NULL
);

CREATE INDEX ix_task_events_account_at_ms_id ON task_events (account, at_ms, id);

CREATE INDEX ix_task_events_task_id ON task_events (task, id);

CREATE TABLE lanes (
	id VARCHAR(36) NOT NULL,
	failures INTEGER DEFAULT '0' NOT NULL,
	openings INTEGER DEFAULT '0' NOT NULL,
	open_until_ms BIGINT DEFAULT '0' NOT NULL,
	kind VARCHAR(30),
	reason TEXT,
	changed_ms BIGINT DEFAULT '0' NOT NULL,
	account VARCHAR(36),
	due_ms BIGINT,
	CONSTRAINT pk_lanes PRIMARY KEY (id)
);

CREATE INDEX ix_lanes_due ON lanes (account, due_ms) WHERE due_ms IS NOT NULL;

CREATE INDEX ix_lanes_idle ON lanes (changed_ms) WHERE due_ms IS NULL;

CREATE TABLE folder_templates (
	slug VARCHAR(100) NOT NULL,
	version VARCHAR(12) NOT NULL,
	definition TEXT NOT NULL,
	CONSTRAINT pk_folder_templates PRIMARY KEY (slug, version)
);

CREATE TABLE word_lists (
	account VARCHAR(36) NOT NULL,
	words TEXT NOT NULL,
	changed_ms BIGINT NOT NULL,
	CONSTRAINT pk_word_lists PRIMARY KEY (account)
);

CREATE TABLE unjudged_tasks (
	task VARCHAR(36) NOT NULL,
	CONSTRAINT pk_unjudged_tasks PRIMARY KEY (task)
);

CREATE TABLE allowed_pictures (
	attempt VARCHAR(36) NOT NULL,
	task VARCHAR(36) NOT NULL,
	CONSTRAINT pk_allowed_pictures PRIMARY KEY (attempt)
);

CREATE INDEX ix_allowed_pictures_task ON allowed_pictures (task);

CREATE TABLE perceptual_hashes (
	blob VARCHAR(64) NOT NULL,
	band_1 INTEGER,
	band_2 INTEGER,
	band_3 INTEGER,
	band_4 INTEGER,
	CONSTRAINT pk_perceptual_hashes PRIMARY KEY (blob)
);

CREATE INDEX ix_perceptual_hashes_band_1 ON perceptual_hashes (band_1);

CREATE INDEX ix_perceptual_hashes_band_2 ON perceptual_hashes (band_2);

CREATE INDEX ix_perceptual_hashes_band_3 ON perceptual_hashes (band_3);

CREATE INDEX ix_perceptual_hashes_band_4 ON perceptual_hashes (band_4);

CREATE TABLE perceptual_hash_progress (
	id INTEGER NOT NULL,
	oldest_ms BIGINT NOT NULL,
	newest_ms BIGINT NOT NULL,
	CONSTRAINT pk_perceptual_hash_progress PRIMARY KEY (id)
);

CREATE TABLE buckets (
	account VARCHAR(36) NOT NULL,
	bucket VARCHAR(40) NOT NULL,
	active INTEGER DEFAULT '0' NOT NULL,
	cap INTEGER,
	CONSTRAINT pk_buckets PRIMARY KEY (account, bucket),
	CONSTRAINT ck_buckets_active_not_negative CHECK (active >= 0),
	CONSTRAINT fk_buckets_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE TABLE api_keys (
	id VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	name VARCHAR(100) NOT NULL,
	hint VARCHAR(16) NOT NULL,
	digest BLOB NOT NULL,
	scopes TEXT NOT NULL,
	created_ms BIGINT NOT NULL,
	revoked_ms BIGINT,
	expires_ms BIGINT,
	used_ms BIGINT,
	most_per_second INTEGER,
	most_tasks INTEGER,
	most_credits_a_day BIGINT,
	most_credits BIGINT,
	active INTEGER DEFAULT '0' NOT NULL,
	spent BIGINT DEFAULT '0' NOT NULL,
	day INTEGER DEFAULT '0' NOT NULL,
	spent_on_day BIGINT DEFAULT '0' NOT NULL,
	most_credits_a_month BIGINT,
	day_warned INTEGER DEFAULT '0' NOT NULL,
	month INTEGER DEFAULT '0' NOT NULL,
	spent_in_month BIGINT DEFAULT '0' NOT NULL,
	month_warned INTEGER DEFAULT '0' NOT NULL,
	max_vendor_usd FLOAT,
	fallback VARCHAR(10),
	chosen_model VARCHAR(100),
	CONSTRAINT pk_api_keys PRIMARY KEY (id),
	CONSTRAINT ck_api_keys_active_not_negative CHECK (active >= 0),
	CONSTRAINT ck_api_keys_spent_not_negative CHECK (spent >= 0),
	CONSTRAINT ck_api_keys_spent_on_day_not_negative CHECK (spent_on_day >= 0),
	CONSTRAINT fk_api_keys_account FOREIGN KEY(account) REFERENCES accounts (id),
	CONSTRAINT uq_api_keys_digest UNIQUE (digest)
);

CREATE INDEX ix_api_keys_account ON api_keys (account);

CREATE TABLE tasks (
	id VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	type VARCHAR(40) NOT NULL,
	bucket VARCHAR(40) NOT NULL,
	status VARCHAR(10) NOT NULL,
	model VARCHAR(60) NOT NULL,
	echo TEXT NOT NULL,
	task_order TEXT NOT NULL,
	price INTEGER NOT NULL,
	consumed INTEGER DEFAULT '0' NOT NULL,
	priority INTEGER NOT NULL,
	place BIGINT NOT NULL,
	progress INTEGER DEFAULT '0' NOT NULL,
	expected_ms BIGINT,
	created_ms BIGINT NOT NULL,
	started_ms BIGINT,
	finished_ms BIGINT,
	queue_deadline_ms BIGINT NOT NULL,
	run_limit_ms BIGINT NOT NULL,
	lease_owner VARCHAR(120),
	lease_until_ms BIGINT,
	claims INTEGER DEFAULT '0' NOT NULL,
	cancel_requested INTEGER DEFAULT '0' NOT NULL,
	result TEXT,
	served_by TEXT,
	error_code INTEGER,
	error_msg TEXT,
	keeps_inputs INTEGER DEFAULT '0' NOT NULL,
	keeps_results INTEGER DEFAULT '0' NOT NULL,
	removed_ms BIGINT,
	api_key VARCHAR(36),
	ignored TEXT,
	pictures INTEGER DEFAULT '1' NOT NULL,
	template VARCHAR(100),
	kept INTEGER DEFAULT '0' NOT NULL,
	listed INTEGER DEFAULT '1' NOT NULL,
	erase_due_ms BIGINT,
	trace TEXT,
	partial_images TEXT,
	CONSTRAINT pk_tasks PRIMARY KEY (id),
	CONSTRAINT ck_tasks_status_known CHECK (status IN ('queued','running','success','failed','banned','expired','cancelled')),
	CONSTRAINT fk_tasks_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE INDEX ix_tasks_erase_due ON tasks (erase_due_ms) WHERE erase_due_ms IS NOT NULL;

CREATE INDEX ix_tasks_inputs_kept ON tasks (finished_ms) WHERE keeps_inputs = 1;

CREATE INDEX ix_tasks_kept ON tasks (account, created_ms, id) WHERE kept = 1;

CREATE INDEX ix_tasks_leases ON tasks (lease_until_ms) WHERE status = 'running';

CREATE INDEX ix_tasks_list ON tasks (account, created_ms, id, listed, model, template, api_key);

CREATE INDEX ix_tasks_queue ON tasks (place, id, model) WHERE status = 'queued';

CREATE INDEX ix_tasks_queue_deadline ON tasks (queue_deadline_ms) WHERE status = 'queued';

CREATE INDEX ix_tasks_results_kept ON tasks (finished_ms) WHERE keeps_results = 1;

CREATE INDEX ix_tasks_under_way ON tasks (account, id) WHERE status IN ('queued','running');

CREATE INDEX ix_tasks_without_picture ON tasks (account, created_ms, id, status) WHERE status IN ('failed','banned','expired','cancelled');

CREATE TABLE ledger (
	id INTEGER NOT NULL,
	account VARCHAR(36) NOT NULL,
	task VARCHAR(36),
	leg VARCHAR(5),
	movement VARCHAR(10) NOT NULL,
	available BIGINT NOT NULL,
	frozen BIGINT NOT NULL,
	note TEXT,
	at_ms BIGINT NOT NULL,
	CONSTRAINT pk_ledger PRIMARY KEY (id),
	CONSTRAINT uq_ledger_task_leg UNIQUE (task, leg),
	CONSTRAINT ck_ledger_leg_known CHECK (CASE WHEN task IS NULL THEN leg IS NULL ELSE leg IS NOT NULL AND leg IN ('open','close') END),
	CONSTRAINT fk_ledger_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE INDEX ix_ledger_account_id ON ledger (account, id);

CREATE TABLE sign_in_links (
	digest BLOB NOT NULL,
	account VARCHAR(36) NOT NULL,
	scopes VARCHAR(200) NOT NULL,
	expires_ms BIGINT NOT NULL,
	used_ms BIGINT,
	CONSTRAINT pk_sign_in_links PRIMARY KEY (digest),
	CONSTRAINT fk_sign_in_links_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE TABLE uploads (
	token VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	object_key VARCHAR(200) NOT NULL,
	blob VARCHAR(64) NOT NULL,
	media_type VARCHAR(40) NOT NULL,
	size BIGINT NOT NULL,
	created_ms BIGINT NOT NULL,
	expires_ms BIGINT NOT NULL,
	etag VARCHAR(80),
	CONSTRAINT pk_uploads PRIMARY KEY (token),
	CONSTRAINT fk_uploads_account FOREIGN KEY(account) REFERENCES accounts (id),
	CONSTRAINT uq_uploads_object_key UNIQUE (object_key)
);

CREATE INDEX ix_uploads_expires_ms ON uploads (expires_ms);

CREATE TABLE webhooks (
	id VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	url TEXT,
	events TEXT NOT NULL,
	description VARCHAR(200) NOT NULL,
	created_ms BIGINT NOT NULL,
	disabled_ms BIGINT,
	disabled_why TEXT,
	removed_ms BIGINT,
	CONSTRAINT pk_webhooks PRIMARY KEY (id),
	CONSTRAINT fk_webhooks_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE INDEX ix_webhooks_account ON webhooks (account);

CREATE UNIQUE INDEX ix_webhooks_for_tasks ON webhooks (account) WHERE url IS NULL AND removed_ms IS NULL;

CREATE TABLE template_versions (
	id VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	slug VARCHAR(100) NOT NULL,
	version VARCHAR(12) NOT NULL,
	definition TEXT NOT NULL,
	source TEXT NOT NULL,
	created_ms BIGINT NOT NULL,
	created_by VARCHAR(200) NOT NULL,
	CONSTRAINT pk_template_versions PRIMARY KEY (id),
	CONSTRAINT fk_template_versions_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE INDEX ix_template_versions_account_slug ON template_versions (account, slug, created_ms);

CREATE TABLE folder_template_files (
	slug VARCHAR(100) NOT NULL,
	version VARCHAR(12) NOT NULL,
	name VARCHAR(100) NOT NULL,
	content BLOB NOT NULL,
	CONSTRAINT pk_folder_template_files PRIMARY KEY (slug, version, name),
	CONSTRAINT fk_folder_template_files_slug FOREIGN KEY(slug, version) REFERENCES folder_templates (slug, version)
);

CREATE TABLE template_shares (
	account VARCHAR(36) NOT NULL,
	slug VARCHAR(100) NOT NULL,
	guest VARCHAR(36) NOT NULL,
	CONSTRAINT pk_template_shares PRIMARY KEY (account, slug, guest),
	CONSTRAINT fk_template_shares_account FOREIGN KEY(account) REFERENCES accounts (id),
	CONSTRAINT fk_template_shares_guest FOREIGN KEY(guest) REFERENCES accounts (id)
);

CREATE INDEX ix_template_shares_guest ON template_shares (guest);

CREATE TABLE refusals (
	id VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	task VARCHAR(36),
	stage VARCHAR(10) NOT NULL,
	reason TEXT NOT NULL,
	categories TEXT NOT NULL,
	prompt TEXT,
	at_ms BIGINT NOT NULL,
	appeal TEXT,
	appealed_ms BIGINT,
	decision VARCHAR(10),
	answer TEXT,
	answered_ms BIGINT,
	CONSTRAINT pk_refusals PRIMARY KEY (id),
	CONSTRAINT fk_refusals_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE INDEX ix_refusals_account_at_ms ON refusals (account, at_ms);

CREATE INDEX ix_refusals_at_ms ON refusals (at_ms);

CREATE INDEX ix_refusals_task ON refusals (task);

CREATE TABLE prompt_words (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	task VARCHAR(36) NOT NULL,
	words TEXT NOT NULL,
	CONSTRAINT uq_prompt_words_task UNIQUE (task),
	CONSTRAINT fk_prompt_words_task FOREIGN KEY(task) REFERENCES tasks (id)
);

CREATE VIRTUAL TABLE prompt_index USING fts5(
            words, content='prompt_words', content_rowid='number', detail='none', prefix='1 2 3',
            tokenize="ascii tokenchars '@'");

CREATE TABLE task_parents (
	task VARCHAR(36) NOT NULL,
	field VARCHAR(60) NOT NULL,
	parent VARCHAR(36) NOT NULL,
	CONSTRAINT pk_task_parents PRIMARY KEY (task, field),
	CONSTRAINT fk_task_parents_task FOREIGN KEY(task) REFERENCES tasks (id),
	CONSTRAINT fk_task_parents_parent FOREIGN KEY(parent) REFERENCES tasks (id)
);

CREATE INDEX ix_task_parents_parent ON task_parents (parent);

CREATE TABLE task_inputs (
	task VARCHAR(36) NOT NULL,
	position INTEGER NOT NULL,
	field VARCHAR(60) NOT NULL,
	url TEXT,
	blob VARCHAR(64),
	clean VARCHAR(64),
	media_type VARCHAR(20),
	width INTEGER,
	height INTEGER,
	CONSTRAINT pk_task_inputs PRIMARY KEY (task, position),
	CONSTRAINT fk_task_inputs_task FOREIGN KEY(task) REFERENCES tasks (id)
);

CREATE TABLE attempts (
	id VARCHAR(36) NOT NULL,
	task VARCHAR(36) NOT NULL,
	part VARCHAR(10) DEFAULT '' NOT NULL,
	number INTEGER NOT NULL,
	route VARCHAR(100) NOT NULL,
	provider VARCHAR(60) NOT NULL,
	upstream VARCHAR(100) NOT NULL,
	state VARCHAR(10) NOT NULL,
	outcome VARCHAR(30),
	handle TEXT,
	result TEXT,
	reason TEXT,
	detail TEXT,
	charged INTEGER DEFAULT '0' NOT NULL,
	price_usd FLOAT,
	cost_usd FLOAT,
	intended_ms BIGINT NOT NULL,
	submitted_ms BIGINT,
	delivered_ms BIGINT,
	closed_ms BIGINT,
	working_ms BIGINT,
	vendor_queued_ms BIGINT,
	CONSTRAINT pk_attempts PRIMARY KEY (id),
	CONSTRAINT uq_attempts_task_part_number UNIQUE (task, part, number),
	CONSTRAINT ck_attempts_state_known CHECK (state IN ('intended','submitted','delivered','closed')),
	CONSTRAINT fk_attempts_task FOREIGN KEY(task) REFERENCES tasks (id)
);

CREATE INDEX ix_attempts_intended ON attempts (intended_ms);

CREATE INDEX ix_attempts_route_closed ON attempts (route, closed_ms);

CREATE INDEX ix_attempts_under_way ON attempts (provider) WHERE state IN ('intended','submitted');

CREATE TABLE erasures (
	task VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	by_whom VARCHAR(100) NOT NULL,
	files INTEGER NOT NULL,
	bytes BIGINT NOT NULL,
	shared INTEGER NOT NULL,
	at_ms BIGINT NOT NULL,
	CONSTRAINT pk_erasures PRIMARY KEY (task),
	CONSTRAINT fk_erasures_task FOREIGN KEY(task) REFERENCES tasks (id),
	CONSTRAINT fk_erasures_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE TABLE sessions (
	digest BLOB NOT NULL,
	api_key VARCHAR(36) NOT NULL,
	expires_ms BIGINT NOT NULL,
	CONSTRAINT pk_sessions PRIMARY KEY (digest),
	CONSTRAINT fk_sessions_api_key FOREIGN KEY(api_key) REFERENCES api_keys (id)
);

CREATE INDEX ix_sessions_expires_ms ON sessions (expires_ms);

CREATE TABLE webhook_salts (
	webhook VARCHAR(36) NOT NULL,
	salt VARCHAR(64) NOT NULL,
	created_ms BIGINT NOT NULL,
	expires_ms BIGINT,
	CONSTRAINT pk_webhook_salts PRIMARY KEY (webhook, salt),
	CONSTRAINT fk_webhook_salts_webhook FOREIGN KEY(webhook) REFERENCES webhooks (id)
);

CREATE TABLE task_webhooks (
	task VARCHAR(36) NOT NULL,
	url TEXT NOT NULL,
	CONSTRAINT pk_task_webhooks PRIMARY KEY (task),
	CONSTRAINT fk_task_webhooks_task FOREIGN KEY(task) REFERENCES tasks (id)
);

CREATE TABLE deliveries (
	id VARCHAR(36) NOT NULL,
	webhook VARCHAR(36) NOT NULL,
	account VARCHAR(36) NOT NULL,
	lane VARCHAR(36) NOT NULL,
	url TEXT,
	event VARCHAR(30) NOT NULL,
	task VARCHAR(36),
	state VARCHAR(10) NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	retries INTEGER DEFAULT '0' NOT NULL,
	due_ms BIGINT NOT NULL,
	until_ms BIGINT NOT NULL,
	lease_owner VARCHAR(120),
	created_ms BIGINT NOT NULL,
	finished_ms BIGINT,
	detail TEXT,
	CONSTRAINT pk_deliveries PRIMARY KEY (id),
	CONSTRAINT ck_deliveries_state_known CHECK (state IN ('pending','delivered','failed','dropped')),
	CONSTRAINT fk_deliveries_webhook FOREIGN KEY(webhook) REFERENCES webhooks (id)
);

CREATE INDEX ix_deliveries_due ON deliveries (lane, due_ms) WHERE state = 'pending';

CREATE INDEX ix_deliveries_finished ON deliveries (finished_ms) WHERE finished_ms IS NOT NULL;

CREATE INDEX ix_deliveries_leased ON deliveries (lane) WHERE lease_owner IS NOT NULL;

CREATE INDEX ix_deliveries_task ON deliveries (task);

CREATE INDEX ix_deliveries_until ON deliveries (until_ms) WHERE state = 'pending';

CREATE INDEX ix_deliveries_webhook_created_ms ON deliveries (webhook, created_ms);

CREATE TABLE template_files (
	version VARCHAR(36) NOT NULL,
	name VARCHAR(100) NOT NULL,
	content BLOB NOT NULL,
	CONSTRAINT pk_template_files PRIMARY KEY (version, name),
	CONSTRAINT fk_template_files_version FOREIGN KEY(version) REFERENCES template_versions (id)
);

CREATE TABLE templates (
	account VARCHAR(36) NOT NULL,
	slug VARCHAR(100) NOT NULL,
	version VARCHAR(36) NOT NULL,
	CONSTRAINT pk_templates PRIMARY KEY (account, slug),
	CONSTRAINT fk_templates_account FOREIGN KEY(account) REFERENCES accounts (id),
	CONSTRAINT fk_templates_version FOREIGN KEY(version) REFERENCES template_versions (id)
);

CREATE TABLE signed_copies (
	task VARCHAR(36) NOT NULL,
	name VARCHAR(60) NOT NULL,
	signing_key VARCHAR(64) NOT NULL,
	layout BLOB,
	signed_ms BIGINT NOT NULL,
	CONSTRAINT pk_signed_copies PRIMARY KEY (task, name),
	CONSTRAINT fk_signed_copies_task FOREIGN KEY(task) REFERENCES tasks (id)
);

CREATE INDEX ix_signed_copies_signed_ms ON signed_copies (signed_ms);

CREATE TABLE delivery_attempts (
	delivery VARCHAR(36) NOT NULL,
	number INTEGER NOT NULL,
	at_ms BIGINT NOT NULL,
	duration_ms BIGINT NOT NULL,
	status INTEGER,
	error TEXT,
	answer TEXT,
	CONSTRAINT pk_delivery_attempts PRIMARY KEY (delivery, number),
	CONSTRAINT fk_delivery_attempts_delivery FOREIGN KEY(delivery) REFERENCES deliveries (id)
);

INSERT INTO queue_clock (id, place) VALUES (1, 0);

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO alembic_version VALUES ('0017.0015')
