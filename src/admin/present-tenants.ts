import type {
  AbandonedItem,
  AbandonedState,
  CreatedTenant,
  PurgeItem,
  Tenant,
  TenantDetail,
} from '../api/contract/admin.ts';
import { shortTime } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, toRecord, type View } from '../output/view.ts';

export const TENANTS: View<Tenant> = {
  fields: {
    ...fieldsNamed('id', 'slug', 'name', 'status', 'policy', 'policy_reason', 'bucket_name'),
    ...fieldsNamed('region', 'created_at'),
  },
  columns: [
    { key: 'slug', title: 'SLUG' },
    { key: 'name', title: 'NAME' },
    { title: 'STATUS', show: stateOf },
    { key: 'bucket_name', title: 'BUCKET', ifRoom: true },
    { key: 'region', title: 'REGION', ifRoom: true },
    { key: 'created_at', title: 'CREATED', ifRoom: true },
  ],
  empty: 'There are no tenants yet.',
};

export const TENANT_DETAIL: View<TenantDetail> = {
  fields: {
    ...TENANTS.fields,
    ...fieldsNamed('policy_updated_at', 'removed_at', 'sync_url', 'former_slugs'),
    max_keys: ({ limits }) => limits.mount_credentials,
    max_keys_per_user: ({ limits }) => limits.mount_credentials_per_user,
    max_tokens: ({ limits }) => limits.tokens,
    keys_active: ({ keys }) => keys.active,
    keys_inactive: ({ keys }) => keys.inactive,
    keys_pending: ({ keys }) => keys.pending,
    ...fieldsNamed('tokens', 'members', 'my_role'),
  },
  columns: TENANTS.columns,
  empty: TENANTS.empty,
};

/** One word: whoever is not active is not asked whether it is allowed. */
function stateOf({ status, policy }: Tenant): string {
  return status === 'active' ? policy : status;
}

export function presentTenant(tenant: TenantDetail): string {
  const { limits, keys } = tenant;
  return formatFields([
    ['Tenant', tenant.slug],
    ['Id', tenant.id],
    ['Name', tenant.name],
    ['State', stateOf(tenant)],
    ['Why', tenant.policy_reason],
    ['Removed', timeOf(tenant.removed_at)],
    ['Bucket', tenant.bucket_name],
    ['Region', tenant.region],
    ['Tells', tenant.sync_url],
    ['Keys', `${keys.active} active, ${keys.inactive} inactive, ${keys.pending} to be set`],
    ['Tokens', String(tenant.tokens)],
    ['Members', String(tenant.members)],
    [
      'At most',
      `${limits.mount_credentials} keys, ${limits.mount_credentials_per_user} a user, ${limits.tokens} tokens`,
    ],
    ['Once called', tenant.former_slugs.join(', ')],
    ['Created', timeOf(tenant.created_at)],
  ]);
}

function timeOf(value: string | null): string | null {
  return value === null ? null : `${shortTime(value)} UTC`;
}

/** What a change came to. There is nothing to restart. */
export function presentChange(what: string): (tenant: TenantDetail) => string {
  return ({ keys }) => {
    const lines = [`${what} Effective immediately.`];
    const set = keys.active + keys.inactive;
    if (keys.pending > 0) {
      lines.push(
        `The storage has confirmed ${set} of ${set + keys.pending} bucket keys; the server tries the others again every minute.`,
      );
    }
    return lines.join('\n');
  };
}

/** With a key: the key alone on stdout, so that it can be piped; the rest on stderr. */
export function printNewTenant(tenant: CreatedTenant, out: Output): void {
  const { api_key: apiKey, ...rest } = tenant;
  if (apiKey === null) {
    out.show(rest, TENANTS, presentNewTenant);
    return;
  }
  out.note(presentNewTenant(rest, out));
  out.note('\nIts API key, shown this once (sign in with `cloud login --token-stdin`):');
  out.secret({ ...toRecord(TENANTS, rest), api_key: apiKey }, apiKey);
}

function presentNewTenant(tenant: Tenant, out: Output): string {
  const title = `${out.style('bold', `Tenant ${tenant.slug} was added.`)} Effective immediately.`;
  const fields = formatFields([
    ['Id', tenant.id],
    ['Name', tenant.name],
    ['Bucket', tenant.bucket_name],
  ]);
  return `${title}\n${fields}`;
}

export const PURGE_ITEMS: View<PurgeItem> = {
  fields: fieldsNamed('kind', 'name', 'detail'),
  columns: [
    { key: 'kind', title: 'WHAT' },
    { key: 'name', title: 'NAME' },
    { key: 'detail', title: '' },
  ],
  empty: 'Nothing would go.',
};

const LEFT_ITEMS: View<AbandonedItem> = {
  fields: fieldsNamed('kind', 'name', 'detail'),
  columns: [],
  empty: 'Nothing is left at the storage.',
};

/** For people a line or two each: a name that is cut finds nothing. */
export function printLeft(left: readonly AbandonedItem[], out: Output): void {
  if (out.options.format !== 'table' || left.length === 0) {
    out.list(left, LEFT_ITEMS);
    return;
  }
  for (const { kind, name, detail } of left) {
    out.line(`${kind.padEnd(10)}  ${name}`);
    if (detail !== null) out.line(`${' '.repeat(12)}${detail}`);
  }
}

export function presentAbandoned({ slug, status, left }: AbandonedState): string {
  if (status !== 'purged') return `No deletion of ${slug} is tried again.`;
  return left.length === 0
    ? `${slug} is gone: the storage has deleted all of it now.`
    : `${slug} is purged; the above stays at the storage.`;
}
