import type { CreatedTenant, Tenant } from '../api/contract/admin.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, type View } from '../output/view.ts';

export const TENANTS: View<Tenant> = {
  fields: {
    ...fieldsNamed('id', 'slug', 'name', 'status', 'policy', 'bucket_name', 'region'),
    ...fieldsNamed('created_at'),
  },
  columns: [
    { key: 'slug', title: 'SLUG' },
    { key: 'name', title: 'NAME' },
    { key: 'status', title: 'STATUS' },
    { key: 'policy', title: 'POLICY' },
    { key: 'bucket_name', title: 'BUCKET' },
    { key: 'region', title: 'REGION' },
    { key: 'created_at', title: 'CREATED' },
  ],
  empty: 'There are no tenants yet.',
};

export function presentTenant(tenant: Tenant, out: Output): string {
  const title = out.style('bold', `Tenant ${tenant.slug} was added.`);
  const fields = formatFields([
    ['Id', tenant.id],
    ['Name', tenant.name],
    ['Bucket', tenant.bucket_name],
  ]);
  return `${title}\n${fields}`;
}

/** With a key: the key alone on stdout, so that it can be piped; the rest on stderr. */
export function printTenant(tenant: CreatedTenant, out: Output): void {
  const { api_key: apiKey, ...rest } = tenant;
  if (apiKey === null) {
    out.result(rest, presentTenant);
    return;
  }
  out.note(presentTenant(rest, out));
  out.note('\nIts API key, shown this once (sign in with `cloud login --token-stdin`):');
  out.secret(tenant, apiKey);
}
