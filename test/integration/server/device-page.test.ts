import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import {
  CLIENT_ID,
  DEVICE_CODE_GRANT,
  DeviceAuthorization,
} from '../../../src/api/contract/auth.ts';
import { findChromium, openChromium } from '../../support/browser.ts';
import { identityClient, PASSWORD, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const path = findChromium();
if (path === undefined) {
  if (process.env['CI'] !== undefined) throw new Error('chromium is missing; see .ci/apt-packages');
  console.log('skipped: chromium is not installed here (apt-get install, see .ci/apt-packages)');
}

describe.skipIf(path === undefined)('the device page in Chromium', { timeout: 120_000 }, () => {
  let server: TestServer;
  let client: IdentityClient;
  let browser: Browser;

  beforeAll(async () => {
    server = await startTestServer({ tenants: ['acme', 'other'] });
    client = identityClient(server);
    await client.addUser('ada', 'member', { acme: 'editor', other: 'viewer' });
    browser = await openChromium(path!);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await server.close();
  }, 120_000);

  async function begin(): Promise<DeviceAuthorization> {
    const { body } = await client.form('/api/v1/auth/device_authorization', {
      client_id: CLIENT_ID,
      device_name: 'laptop',
      device_system: 'Linux x64',
      tenant: 'acme',
    });
    return DeviceAuthorization.parse(body);
  }
  const poll = (device_code: string) =>
    client.form('/api/v1/auth/token', {
      grant_type: DEVICE_CODE_GRANT,
      client_id: CLIENT_ID,
      device_code,
    });

  /** Whatever the browser refuses or complains about fails the test. */
  async function open(
    options: Parameters<Browser['newContext']>[0],
  ): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    return { context, page, complaints };
  }

  const overflow = (page: Page): Promise<number> =>
    page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );

  it('lets a device in without JavaScript, at 320 px, by labels alone', async () => {
    const codes = await begin();
    const { context, page, complaints } = await open({
      javaScriptEnabled: false,
      viewport: { width: 320, height: 640 },
    });
    await page.goto(codes.verification_uri_complete);
    await page.getByLabel('Code').and(page.locator('input')).waitFor();
    expect(await page.getByLabel('Code').inputValue()).toBe(codes.user_code);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Is this your device?' }).waitFor();
    // The browser itself does not send the form before the codes were compared.
    await page.getByLabel('User name').fill('ada');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Is this your device?' }).waitFor();
    await page.getByLabel('My device shows exactly this code').check();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Let laptop in?' }).waitFor();
    expect(await page.getByRole('radio', { name: /^acme/ }).isChecked()).toBe(true);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('status').waitFor();
    expect((await poll(codes.device_code)).body).toMatchObject({ scope: 'mount:read mount' });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('is styled, fits 320 px and has no fault a screen reader would meet', async () => {
    const codes = await begin();
    const { context, page, complaints } = await open({ viewport: { width: 320, height: 640 } });
    await page.goto(codes.verification_uri_complete);
    const steps = async (): Promise<void> => {
      expect(await overflow(page)).toBe(0);
      // Were the style's hash wrong, the browser would have left it out.
      const weight = `getComputedStyle(document.querySelector('button')).fontWeight`;
      expect(await page.evaluate<string>(weight)).toBe('600');
      const unlabelled = await page.evaluate<number>(
        `[...document.querySelectorAll('input:not([type=hidden])')].filter((input) => input.labels.length === 0).length`,
      );
      expect(unlabelled).toBe(0);
      expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
      expect(await page.locator('html').getAttribute('lang')).toBe('en');
    };
    await steps();
    await page.getByRole('button', { name: 'Continue' }).click();
    await steps();
    await page.getByLabel('My device').check();
    await page.getByLabel('User name').fill('ada');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('4 tries are left');
    expect(await page.getByLabel('User name').inputValue()).toBe('ada');
    await steps();
    // 401 is what the page answers; that is all the browser remarks upon.
    expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
    await page.getByRole('button', { name: 'deny' }).click();
    await page.getByRole('heading', { name: 'Denied' }).waitFor();
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'access_denied' });
    await context.close();
  });

  it('cannot be framed or filled in by another site', async () => {
    const { context, page } = await open({});
    await page.setContent(
      `<iframe src="${server.url}/device"></iframe>
       <form method="post" action="${server.url}/device"><input name="user_code" value="BBBBBBBB"><button>go</button></form>`,
    );
    await page
      .frames()[1]!
      .waitForLoadState()
      .catch(() => undefined);
    expect(await page.frames()[1]!.locator('form').count()).toBe(0);
    await page.getByRole('button', { name: 'go' }).click();
    await page.getByRole('heading', { name: 'This form was sent from another site.' }).waitFor();
    await context.close();
  });

  // npm run picture:device
  const picture = process.env['CLOUD_TEST_PICTURE'];
  it.runIf(picture !== undefined)('has its picture taken for the documentation', async () => {
    const codes = await begin();
    const { context, page } = await open({ viewport: { width: 520, height: 400 } });
    await page.goto(codes.verification_uri_complete);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('My device').check();
    await page.getByLabel('User name').fill('ada');
    await page.screenshot({ path: picture!, fullPage: true });
    await context.close();
  });
});
