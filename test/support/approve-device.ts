import { PASSWORD } from './identity.ts';

/** What a person does in a browser with a code: signs in and approves it, for the tenant's id. */
export async function approveDevice(
  addressWithCode: string,
  person: { username: string; tenantId?: string },
): Promise<void> {
  const { origin, searchParams } = new URL(addressWithCode);
  let cookie = '';
  let page = '';
  const load = async (url: string, fields?: Record<string, string>): Promise<void> => {
    const response = await fetch(url, {
      headers: { cookie, origin },
      ...(fields === undefined ? {} : { method: 'POST', body: new URLSearchParams(fields) }),
    });
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    page = await response.text();
    if (!response.ok) throw new Error(`${response.status}: ${page}`);
  };
  const send = (fields: Record<string, string>): Promise<void> => {
    const action = /action="([^"]+)"/.exec(page)?.[1] ?? '/device';
    const ticket = /name="ticket" value="([^"]+)"/.exec(page)?.[1] ?? '';
    return load(origin + action, { ticket, ...fields });
  };
  await load(addressWithCode);
  await send({ user_code: searchParams.get('user_code') ?? '' });
  const { username } = person;
  await send({ username, password: PASSWORD, confirmed: 'yes', action: 'continue' });
  const offered = /name="tenant" value="([^"]+)"/.exec(page)?.[1] ?? '';
  await send({ tenant: person.tenantId ?? offered, action: 'approve' });
  if (!page.includes('Done')) throw new Error(page);
}
