CREATE TABLE "audit_events" ("seq" integer primary key autoincrement, "id" text not null unique, "time" text not null, "type" text not null, "actor" text not null, "tenant_id" text, "subject_id" text, "request_id" text, "data" text not null, "previous_hash" text not null, "hash" text not null);

CREATE INDEX "audit_events_actor" on "audit_events" ("actor", "seq");

CREATE TRIGGER "audit_events_no_delete"
      BEFORE DELETE ON audit_events
      BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;

CREATE TRIGGER "audit_events_no_update"
      BEFORE UPDATE ON audit_events
      BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;

CREATE INDEX "audit_events_tenant_id" on "audit_events" ("tenant_id", "seq");

CREATE INDEX "audit_events_time" on "audit_events" ("time", "seq");

CREATE TABLE "audit_head" ("id" integer not null primary key check (id = 1), "seq" integer not null, "hash" text not null, "sealed_seq" integer, "sealed_hash" text, "seal" text);

CREATE TABLE "credentials" ("id" text not null primary key, "kind" text not null check (kind IN ('admin', 'api')), "secret_hash" text not null unique, "last4" text not null, "label" text not null, "tenant_id" text references "tenants" ("id"), "scopes" text not null, "created_at" text not null, "created_by" text not null, "expires_at" text not null, "revoked_at" text, "last_used_at" text, "owner_id" text references "users" ("id"), "family" text, "replaced_by" text);

CREATE INDEX "credentials_owner" on "credentials" ("owner_id", "created_at");

CREATE INDEX "credentials_tenant" on "credentials" ("tenant_id", "created_at");

CREATE TABLE "device_codes" ("id" text not null primary key, "device_code_hash" text not null unique, "user_code_hash" text not null unique, "status" text not null check (status IN ('pending', 'approved', 'denied', 'used')), "scopes" text, "tenant_hint" text, "device_name" text, "device_system" text, "address" text not null, "interval_s" integer not null, "polled_at" text, "attempts" integer default 0 not null, "user_id" text references "users" ("id"), "tenant_id" text references "tenants" ("id"), "session_id" text references "sessions" ("id") on delete set null, "created_at" text not null, "expires_at" text not null);

CREATE INDEX "device_codes_expiry" on "device_codes" ("expires_at");

CREATE TABLE "event_losses" ("id" integer not null primary key check (id = 1), "number" integer not null);

CREATE TABLE "issuers" ("id" text not null primary key, "name" text not null unique, "url" text not null unique, "client_id" text not null, "scope" text not null, "audience" text not null, "algorithms" text not null, "clock_skew_s" integer not null, "tenant_claim" text, "member_role" text not null check (member_role IN ('tenant_admin', 'editor', 'viewer')), "create_users" integer not null check (create_users IN (0, 1)), "session_days" integer not null, "created_at" text not null, "created_by" text not null);

CREATE TABLE "job_leases" ("name" text not null primary key, "due_at" text not null, "owner" text, "lease_until" text, "started_at" text, "finished_at" text, "outcome" text check (outcome IN ('done', 'failed')), "error" text, "report" text, "runs" integer default 0 not null, "failures" integer default 0 not null);

CREATE TABLE "memberships" ("tenant_id" text not null references "tenants" ("id"), "user_id" text not null references "users" ("id"), "role" text not null check (role IN ('tenant_admin', 'editor', 'viewer')), "created_at" text not null, "created_by" text not null, constraint "memberships_key" primary key ("tenant_id", "user_id"));

CREATE INDEX "memberships_user" on "memberships" ("user_id");

CREATE TABLE "provisioning_intents" ("id" text not null primary key, "kind" text not null check (kind IN ('mount_credential', 'tenant')), "tenant_id" text not null, "bucket_name" text, "created_at" text not null, "attempts" integer default 0 not null, "last_error" text, "created_by" text, "holder" text, "held_until" text);

CREATE TABLE "rate_limits" ("key" text not null primary key, "empty_at" bigint not null);

CREATE INDEX "rate_limits_empty" on "rate_limits" ("empty_at");

CREATE TABLE "refresh_tokens" ("id" text not null primary key, "session_id" text not null references "sessions" ("id") on delete cascade, "parent_id" text, "secret_hash" text not null unique, "created_at" text not null);

CREATE INDEX "refresh_tokens_session" on "refresh_tokens" ("session_id", "created_at");

CREATE TABLE "schema_migrations" ("version" integer primary key, "name" text not null, "applied_at" text not null);

CREATE TABLE "sessions" ("id" text not null primary key, "user_id" text not null references "users" ("id"), "tenant_id" text references "tenants" ("id"), "scopes" text not null, "method" text not null check (method IN ('device', 'password')), "device_name" text, "device_system" text, "address" text not null, "head_token_id" text, "created_at" text not null, "last_used_at" text not null, "idle_until" text not null, "ends_at" text not null, "ended_at" text, "issuer_id" text references "issuers" ("id") on delete set null);

CREATE INDEX "sessions_issuer" on "sessions" ("issuer_id") where issuer_id IS NOT NULL;

CREATE INDEX "sessions_user" on "sessions" ("user_id", "created_at");

CREATE TABLE "signing_keys" ("id" text not null primary key, "status" text not null check (status IN ('next', 'active', 'retired')), "algorithm" text not null check (algorithm = 'EdDSA'), "public_jwk" text not null, "wrapped_private_key" text not null, "created_at" text not null, "activated_at" text, "retired_at" text);

CREATE UNIQUE INDEX "signing_keys_one_active" on "signing_keys" ("status") where status = 'active';

CREATE UNIQUE INDEX "signing_keys_one_next" on "signing_keys" ("status") where status = 'next';

CREATE TABLE "tenant_events" ("tenant_id" text not null references "tenants" ("id") on delete cascade, "seq" integer not null, "tag" text not null, "logged_at" text not null, "data" text not null, "dedupe" text, constraint "tenant_events_key" primary key ("tenant_id", "seq"));

CREATE INDEX "tenant_events_age" on "tenant_events" ("logged_at");

CREATE UNIQUE INDEX "tenant_events_dedupe" on "tenant_events" ("tenant_id", "dedupe") where dedupe IS NOT NULL;

CREATE TABLE "tenant_mount_credentials" ("id" text not null primary key, "tenant_id" text not null references "tenants" ("id"), "access_key" text not null unique, "policy_arn" text not null, "description" text not null, "permission" text not null check (permission IN ('rw', 'ro')), "prefix" text, "created_by" text not null, "created_at" text not null, "updated_at" text not null, "expires_at" text, "confirmed_at" text, "last_used_at" text, "revoked_at" text, "tigris_deletion_status" text default 'pending' not null check (tigris_deletion_status IN ('pending', 'completed', 'failed')), "deletion_attempts" integer default 0 not null, "deletion_last_error" text, "replaces" text, "provider_status" text default 'active' not null check (provider_status IN ('active', 'inactive', 'changing')), "deletion_due_at" text, "deletion_abandoned_at" text, "confirm_by" text, "source_ips" text);

CREATE INDEX "tenant_mount_credentials_confirm" on "tenant_mount_credentials" ("confirm_by") where revoked_at IS NULL AND confirmed_at IS NULL AND confirm_by IS NOT NULL;

CREATE INDEX "tenant_mount_credentials_expiry" on "tenant_mount_credentials" ("expires_at") where revoked_at IS NULL AND expires_at IS NOT NULL;

CREATE INDEX "tenant_mount_credentials_in_force" on "tenant_mount_credentials" ("tenant_id", "created_at", "id", "expires_at", "provider_status", "revoked_at") where revoked_at IS NULL;

CREATE INDEX "tenant_mount_credentials_owed" on "tenant_mount_credentials" ("revoked_at") where revoked_at IS NOT NULL AND tigris_deletion_status <> 'completed';

CREATE INDEX "tenant_mount_credentials_tenant" on "tenant_mount_credentials" ("tenant_id", "created_at");

CREATE TABLE "tenant_policies" ("tenant_id" text not null primary key references "tenants" ("id"), "policy" text not null check (policy IN ('allowed', 'denied')), "reason" text, "updated_by" text not null, "updated_at" text not null);

CREATE TABLE "tenant_slug_history" ("slug" text not null primary key, "tenant_id" text not null references "tenants" ("id") on delete cascade, "replaced_at" text not null);

CREATE INDEX "tenant_slug_history_tenant" on "tenant_slug_history" ("tenant_id");

CREATE TABLE "tenants" ("id" text not null primary key, "slug" text not null unique, "name" text not null, "status" text not null check (status IN ('active', 'removed', 'purging', 'purged')), "bucket_name" text not null unique, "region" text not null, "created_at" text not null, "updated_at" text not null, "sync_url" text, "webhook" text, "limits" text, "removed_at" text, "told_losses" integer default 0 not null);

CREATE INDEX "tenants_purging" on "tenants" ("id") where status = 'purging';

CREATE INDEX "tenants_webhook" on "tenants" ("webhook", "id") where status = 'active';

CREATE TABLE "used_id_tokens" ("token_hash" text not null primary key, "session_id" text not null references "sessions" ("id") on delete cascade, "expires_at" text not null);

CREATE INDEX "used_id_tokens_expiry" on "used_id_tokens" ("expires_at");

CREATE TABLE "user_identities" ("issuer" text not null, "subject" text not null, "user_id" text not null references "users" ("id"), "created_at" text not null, "created_by" text not null, "last_sign_in_at" text, constraint "user_identities_key" primary key ("issuer", "subject"));

CREATE INDEX "user_identities_user" on "user_identities" ("user_id");

CREATE TABLE "users" ("id" text not null primary key, "username" text not null unique, "display_name" text, "email" text, "role" text not null check (role IN ('owner', 'admin', 'member')), "status" text not null check (status IN ('active', 'deactivated')), "password_hash" text, "created_at" text not null, "created_by" text not null, "updated_at" text not null, "last_sign_in_at" text);
