audit_events.seq integer not null identity
audit_events.id text collate C not null
audit_events.time text collate C not null
audit_events.type text collate C not null
audit_events.actor text collate C not null
audit_events.tenant_id text collate C
audit_events.subject_id text collate C
audit_events.request_id text collate C
audit_events.data text collate C not null
audit_events.previous_hash text collate C not null
audit_events.hash text collate C not null
audit_events: PRIMARY KEY (seq)
audit_events: UNIQUE (id)
CREATE INDEX audit_events_actor ON public.audit_events USING btree (actor, seq)
CREATE INDEX audit_events_tenant_id ON public.audit_events USING btree (tenant_id, seq)
CREATE INDEX audit_events_time ON public.audit_events USING btree ("time", seq)
CREATE UNIQUE INDEX audit_events_id_key ON public.audit_events USING btree (id)
CREATE UNIQUE INDEX audit_events_pkey ON public.audit_events USING btree (seq)
CREATE TRIGGER audit_events_no_change BEFORE DELETE OR UPDATE ON public.audit_events FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()
audit_head.id integer not null
audit_head.seq integer not null
audit_head.hash text collate C not null
audit_head.sealed_seq integer
audit_head.sealed_hash text collate C
audit_head.seal text collate C
audit_head: CHECK ((id = 1))
audit_head: PRIMARY KEY (id)
CREATE UNIQUE INDEX audit_head_pkey ON public.audit_head USING btree (id)
credentials.id text collate C not null
credentials.kind text collate C not null
credentials.secret_hash text collate C not null
credentials.last4 text collate C not null
credentials.label text collate C not null
credentials.tenant_id text collate C
credentials.scopes text collate C not null
credentials.created_at text collate C not null
credentials.created_by text collate C not null
credentials.expires_at text collate C not null
credentials.revoked_at text collate C
credentials.last_used_at text collate C
credentials.owner_id text collate C
credentials.family text collate C
credentials.replaced_by text collate C
credentials: CHECK ((kind = ANY (ARRAY['admin'::text, 'api'::text])))
credentials: FOREIGN KEY (owner_id) REFERENCES users(id)
credentials: FOREIGN KEY (tenant_id) REFERENCES tenants(id)
credentials: PRIMARY KEY (id)
credentials: UNIQUE (secret_hash)
CREATE INDEX credentials_owner ON public.credentials USING btree (owner_id, created_at)
CREATE INDEX credentials_tenant ON public.credentials USING btree (tenant_id, created_at)
CREATE UNIQUE INDEX credentials_pkey ON public.credentials USING btree (id)
CREATE UNIQUE INDEX credentials_secret_hash_key ON public.credentials USING btree (secret_hash)
device_codes.id text collate C not null
device_codes.device_code_hash text collate C not null
device_codes.user_code_hash text collate C not null
device_codes.status text collate C not null
device_codes.scopes text collate C
device_codes.tenant_hint text collate C
device_codes.device_name text collate C
device_codes.device_system text collate C
device_codes.address text collate C not null
device_codes.interval_s integer not null
device_codes.polled_at text collate C
device_codes.attempts integer not null default 0
device_codes.user_id text collate C
device_codes.tenant_id text collate C
device_codes.session_id text collate C
device_codes.created_at text collate C not null
device_codes.expires_at text collate C not null
device_codes: CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'denied'::text, 'used'::text])))
device_codes: FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE SET NULL
device_codes: FOREIGN KEY (tenant_id) REFERENCES tenants(id)
device_codes: FOREIGN KEY (user_id) REFERENCES users(id)
device_codes: PRIMARY KEY (id)
device_codes: UNIQUE (device_code_hash)
device_codes: UNIQUE (user_code_hash)
CREATE INDEX device_codes_expiry ON public.device_codes USING btree (expires_at)
CREATE UNIQUE INDEX device_codes_device_code_hash_key ON public.device_codes USING btree (device_code_hash)
CREATE UNIQUE INDEX device_codes_pkey ON public.device_codes USING btree (id)
CREATE UNIQUE INDEX device_codes_user_code_hash_key ON public.device_codes USING btree (user_code_hash)
event_losses.id integer not null
event_losses.number integer not null
event_losses: CHECK ((id = 1))
event_losses: PRIMARY KEY (id)
CREATE UNIQUE INDEX event_losses_pkey ON public.event_losses USING btree (id)
issuers.id text collate C not null
issuers.name text collate C not null
issuers.url text collate C not null
issuers.client_id text collate C not null
issuers.scope text collate C not null
issuers.audience text collate C not null
issuers.algorithms text collate C not null
issuers.clock_skew_s integer not null
issuers.tenant_claim text collate C
issuers.member_role text collate C not null
issuers.create_users integer not null
issuers.session_days integer not null
issuers.created_at text collate C not null
issuers.created_by text collate C not null
issuers: CHECK ((create_users = ANY (ARRAY[0, 1])))
issuers: CHECK ((member_role = ANY (ARRAY['tenant_admin'::text, 'editor'::text, 'viewer'::text])))
issuers: PRIMARY KEY (id)
issuers: UNIQUE (name)
issuers: UNIQUE (url)
CREATE UNIQUE INDEX issuers_name_key ON public.issuers USING btree (name)
CREATE UNIQUE INDEX issuers_pkey ON public.issuers USING btree (id)
CREATE UNIQUE INDEX issuers_url_key ON public.issuers USING btree (url)
job_leases.name text collate C not null
job_leases.due_at text collate C not null
job_leases.owner text collate C
job_leases.lease_until text collate C
job_leases.started_at text collate C
job_leases.finished_at text collate C
job_leases.outcome text collate C
job_leases.error text collate C
job_leases.report text collate C
job_leases.runs integer not null default 0
job_leases.failures integer not null default 0
job_leases: CHECK ((outcome = ANY (ARRAY['done'::text, 'failed'::text])))
job_leases: PRIMARY KEY (name)
CREATE UNIQUE INDEX job_leases_pkey ON public.job_leases USING btree (name)
memberships.tenant_id text collate C not null
memberships.user_id text collate C not null
memberships.role text collate C not null
memberships.created_at text collate C not null
memberships.created_by text collate C not null
memberships: CHECK ((role = ANY (ARRAY['tenant_admin'::text, 'editor'::text, 'viewer'::text])))
memberships: FOREIGN KEY (tenant_id) REFERENCES tenants(id)
memberships: FOREIGN KEY (user_id) REFERENCES users(id)
memberships: PRIMARY KEY (tenant_id, user_id)
CREATE INDEX memberships_user ON public.memberships USING btree (user_id)
CREATE UNIQUE INDEX memberships_key ON public.memberships USING btree (tenant_id, user_id)
provisioning_intents.id text collate C not null
provisioning_intents.kind text collate C not null
provisioning_intents.tenant_id text collate C not null
provisioning_intents.bucket_name text collate C
provisioning_intents.created_at text collate C not null
provisioning_intents.attempts integer not null default 0
provisioning_intents.last_error text collate C
provisioning_intents.created_by text collate C
provisioning_intents.holder text collate C
provisioning_intents.held_until text collate C
provisioning_intents: CHECK ((kind = ANY (ARRAY['mount_credential'::text, 'tenant'::text])))
provisioning_intents: PRIMARY KEY (id)
CREATE UNIQUE INDEX provisioning_intents_pkey ON public.provisioning_intents USING btree (id)
rate_limits.key text collate C not null
rate_limits.empty_at bigint not null
rate_limits: PRIMARY KEY (key)
CREATE INDEX rate_limits_empty ON public.rate_limits USING btree (empty_at)
CREATE UNIQUE INDEX rate_limits_pkey ON public.rate_limits USING btree (key)
refresh_tokens.id text collate C not null
refresh_tokens.session_id text collate C not null
refresh_tokens.parent_id text collate C
refresh_tokens.secret_hash text collate C not null
refresh_tokens.created_at text collate C not null
refresh_tokens: FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE
refresh_tokens: PRIMARY KEY (id)
refresh_tokens: UNIQUE (secret_hash)
CREATE INDEX refresh_tokens_session ON public.refresh_tokens USING btree (session_id, created_at)
CREATE UNIQUE INDEX refresh_tokens_pkey ON public.refresh_tokens USING btree (id)
CREATE UNIQUE INDEX refresh_tokens_secret_hash_key ON public.refresh_tokens USING btree (secret_hash)
schema_migrations.version integer not null
schema_migrations.name text collate C not null
schema_migrations.applied_at text collate C not null
schema_migrations: PRIMARY KEY (version)
CREATE UNIQUE INDEX schema_migrations_pkey ON public.schema_migrations USING btree (version)
sessions.id text collate C not null
sessions.user_id text collate C not null
sessions.tenant_id text collate C
sessions.scopes text collate C not null
sessions.method text collate C not null
sessions.device_name text collate C
sessions.device_system text collate C
sessions.address text collate C not null
sessions.head_token_id text collate C
sessions.created_at text collate C not null
sessions.last_used_at text collate C not null
sessions.idle_until text collate C not null
sessions.ends_at text collate C not null
sessions.ended_at text collate C
sessions.issuer_id text collate C
sessions: CHECK ((method = ANY (ARRAY['device'::text, 'password'::text])))
sessions: FOREIGN KEY (issuer_id) REFERENCES issuers(id) ON DELETE SET NULL
sessions: FOREIGN KEY (tenant_id) REFERENCES tenants(id)
sessions: FOREIGN KEY (user_id) REFERENCES users(id)
sessions: PRIMARY KEY (id)
CREATE INDEX sessions_issuer ON public.sessions USING btree (issuer_id) WHERE (issuer_id IS NOT NULL)
CREATE INDEX sessions_user ON public.sessions USING btree (user_id, created_at)
CREATE UNIQUE INDEX sessions_pkey ON public.sessions USING btree (id)
signing_keys.id text collate C not null
signing_keys.status text collate C not null
signing_keys.algorithm text collate C not null
signing_keys.public_jwk text collate C not null
signing_keys.wrapped_private_key text collate C not null
signing_keys.created_at text collate C not null
signing_keys.activated_at text collate C
signing_keys.retired_at text collate C
signing_keys: CHECK ((algorithm = 'EdDSA'::text))
signing_keys: CHECK ((status = ANY (ARRAY['next'::text, 'active'::text, 'retired'::text])))
signing_keys: PRIMARY KEY (id)
CREATE UNIQUE INDEX signing_keys_one_active ON public.signing_keys USING btree (status) WHERE (status = 'active'::text)
CREATE UNIQUE INDEX signing_keys_one_next ON public.signing_keys USING btree (status) WHERE (status = 'next'::text)
CREATE UNIQUE INDEX signing_keys_pkey ON public.signing_keys USING btree (id)
tenant_events.tenant_id text collate C not null
tenant_events.seq integer not null
tenant_events.tag text collate C not null
tenant_events.logged_at text collate C not null
tenant_events.data text collate C not null
tenant_events.dedupe text collate C
tenant_events: FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE
tenant_events: PRIMARY KEY (tenant_id, seq)
CREATE INDEX tenant_events_age ON public.tenant_events USING btree (logged_at)
CREATE UNIQUE INDEX tenant_events_dedupe ON public.tenant_events USING btree (tenant_id, dedupe) WHERE (dedupe IS NOT NULL)
CREATE UNIQUE INDEX tenant_events_key ON public.tenant_events USING btree (tenant_id, seq)
tenant_mount_credentials.id text collate C not null
tenant_mount_credentials.tenant_id text collate C not null
tenant_mount_credentials.access_key text collate C not null
tenant_mount_credentials.policy_arn text collate C not null
tenant_mount_credentials.description text collate C not null
tenant_mount_credentials.permission text collate C not null
tenant_mount_credentials.prefix text collate C
tenant_mount_credentials.created_by text collate C not null
tenant_mount_credentials.created_at text collate C not null
tenant_mount_credentials.updated_at text collate C not null
tenant_mount_credentials.expires_at text collate C
tenant_mount_credentials.confirmed_at text collate C
tenant_mount_credentials.last_used_at text collate C
tenant_mount_credentials.revoked_at text collate C
tenant_mount_credentials.tigris_deletion_status text collate C not null default 'pending'::text
tenant_mount_credentials.deletion_attempts integer not null default 0
tenant_mount_credentials.deletion_last_error text collate C
tenant_mount_credentials.replaces text collate C
tenant_mount_credentials.provider_status text collate C not null default 'active'::text
tenant_mount_credentials.deletion_due_at text collate C
tenant_mount_credentials.deletion_abandoned_at text collate C
tenant_mount_credentials.confirm_by text collate C
tenant_mount_credentials.source_ips text collate C
tenant_mount_credentials: CHECK ((permission = ANY (ARRAY['rw'::text, 'ro'::text])))
tenant_mount_credentials: CHECK ((provider_status = ANY (ARRAY['active'::text, 'inactive'::text, 'changing'::text])))
tenant_mount_credentials: CHECK ((tigris_deletion_status = ANY (ARRAY['pending'::text, 'completed'::text, 'failed'::text])))
tenant_mount_credentials: FOREIGN KEY (tenant_id) REFERENCES tenants(id)
tenant_mount_credentials: PRIMARY KEY (id)
tenant_mount_credentials: UNIQUE (access_key)
CREATE INDEX tenant_mount_credentials_confirm ON public.tenant_mount_credentials USING btree (confirm_by) WHERE ((revoked_at IS NULL) AND (confirmed_at IS NULL) AND (confirm_by IS NOT NULL))
CREATE INDEX tenant_mount_credentials_expiry ON public.tenant_mount_credentials USING btree (expires_at) WHERE ((revoked_at IS NULL) AND (expires_at IS NOT NULL))
CREATE INDEX tenant_mount_credentials_in_force ON public.tenant_mount_credentials USING btree (tenant_id, created_at, id, expires_at, provider_status, revoked_at) WHERE (revoked_at IS NULL)
CREATE INDEX tenant_mount_credentials_owed ON public.tenant_mount_credentials USING btree (revoked_at) WHERE ((revoked_at IS NOT NULL) AND (tigris_deletion_status <> 'completed'::text))
CREATE INDEX tenant_mount_credentials_tenant ON public.tenant_mount_credentials USING btree (tenant_id, created_at)
CREATE UNIQUE INDEX tenant_mount_credentials_access_key_key ON public.tenant_mount_credentials USING btree (access_key)
CREATE UNIQUE INDEX tenant_mount_credentials_pkey ON public.tenant_mount_credentials USING btree (id)
tenant_policies.tenant_id text collate C not null
tenant_policies.policy text collate C not null
tenant_policies.reason text collate C
tenant_policies.updated_by text collate C not null
tenant_policies.updated_at text collate C not null
tenant_policies: CHECK ((policy = ANY (ARRAY['allowed'::text, 'denied'::text])))
tenant_policies: FOREIGN KEY (tenant_id) REFERENCES tenants(id)
tenant_policies: PRIMARY KEY (tenant_id)
CREATE UNIQUE INDEX tenant_policies_pkey ON public.tenant_policies USING btree (tenant_id)
tenant_slug_history.slug text collate C not null
tenant_slug_history.tenant_id text collate C not null
tenant_slug_history.replaced_at text collate C not null
tenant_slug_history: FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE
tenant_slug_history: PRIMARY KEY (slug)
CREATE INDEX tenant_slug_history_tenant ON public.tenant_slug_history USING btree (tenant_id)
CREATE UNIQUE INDEX tenant_slug_history_pkey ON public.tenant_slug_history USING btree (slug)
tenants.id text collate C not null
tenants.slug text collate C not null
tenants.name text collate C not null
tenants.status text collate C not null
tenants.bucket_name text collate C not null
tenants.region text collate C not null
tenants.created_at text collate C not null
tenants.updated_at text collate C not null
tenants.sync_url text collate C
tenants.webhook text collate C
tenants.limits text collate C
tenants.removed_at text collate C
tenants.told_losses integer not null default 0
tenants: CHECK ((status = ANY (ARRAY['active'::text, 'removed'::text, 'purging'::text, 'purged'::text])))
tenants: PRIMARY KEY (id)
tenants: UNIQUE (bucket_name)
tenants: UNIQUE (slug)
CREATE INDEX tenants_purging ON public.tenants USING btree (id) WHERE (status = 'purging'::text)
CREATE INDEX tenants_webhook ON public.tenants USING btree (webhook, id) WHERE (status = 'active'::text)
CREATE UNIQUE INDEX tenants_bucket_name_key ON public.tenants USING btree (bucket_name)
CREATE UNIQUE INDEX tenants_pkey ON public.tenants USING btree (id)
CREATE UNIQUE INDEX tenants_slug_key ON public.tenants USING btree (slug)
used_id_tokens.token_hash text collate C not null
used_id_tokens.session_id text collate C not null
used_id_tokens.expires_at text collate C not null
used_id_tokens: FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE
used_id_tokens: PRIMARY KEY (token_hash)
CREATE INDEX used_id_tokens_expiry ON public.used_id_tokens USING btree (expires_at)
CREATE UNIQUE INDEX used_id_tokens_pkey ON public.used_id_tokens USING btree (token_hash)
user_identities.issuer text collate C not null
user_identities.subject text collate C not null
user_identities.user_id text collate C not null
user_identities.created_at text collate C not null
user_identities.created_by text collate C not null
user_identities.last_sign_in_at text collate C
user_identities: FOREIGN KEY (user_id) REFERENCES users(id)
user_identities: PRIMARY KEY (issuer, subject)
CREATE INDEX user_identities_user ON public.user_identities USING btree (user_id)
CREATE UNIQUE INDEX user_identities_key ON public.user_identities USING btree (issuer, subject)
users.id text collate C not null
users.username text collate C not null
users.display_name text collate C
users.email text collate C
users.role text collate C not null
users.status text collate C not null
users.password_hash text collate C
users.created_at text collate C not null
users.created_by text collate C not null
users.updated_at text collate C not null
users.last_sign_in_at text collate C
users: CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
users: CHECK ((status = ANY (ARRAY['active'::text, 'deactivated'::text])))
users: PRIMARY KEY (id)
users: UNIQUE (username)
CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)
CREATE UNIQUE INDEX users_username_key ON public.users USING btree (username)
