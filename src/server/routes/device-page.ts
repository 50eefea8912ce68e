import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from '../errors.ts';
import {
  countAttempt,
  decideDeviceCode,
  findByUserCode,
  findWaiting,
  normalizeUserCode,
  showUserCode,
  type DeviceCode,
} from '../identity/device-codes.ts';
import { knownScopes, type GrantDeps } from '../identity/grants.ts';
import { findUser, type UserRow } from '../identity/principal.ts';
import { placeOf } from '../identity/rate-limits.ts';
import { checkPassword, choicesOf } from '../identity/sign-in.ts';
import {
  approvePage,
  codePage,
  messagePage,
  signInPage,
  type FormState,
  type Waiting,
} from '../pages/device.ts';
import { BrowserCookie, Tickets } from '../pages/tickets.ts';

export interface DevicePageDeps extends GrantDeps {
  /** Our own address. */
  issuer: () => string;
  /** 32 bytes that sign the forms. */
  pageKey: Buffer;
}

/** The steps of `/device`, each an answer to the form of the one before. */
export class DevicePage {
  readonly #deps: DevicePageDeps;
  readonly #tickets: Tickets;
  readonly #cookie: BrowserCookie;

  constructor(deps: DevicePageDeps) {
    this.#deps = deps;
    this.#tickets = new Tickets(deps.pageKey, deps.clock);
    this.#cookie = new BrowserCookie(() => new URL(`${deps.issuer()}/device`));
  }

  begin(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const given = new URLSearchParams(request.url.split('?')[1] ?? '').get('user_code') ?? '';
    const code = normalizeUserCode(given);
    return this.#askForCode(request, reply, 200, code === undefined ? '' : showUserCode(code));
  }

  async enterCode(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request);
    const { browser } = this.#open(request, 'code', form);
    const given = field(form, 'user_code');
    const { limits } = this.#deps;
    const place = placeOf(request.ip);
    // Before the look, so that many at the same moment are counted too.
    await limits.take('user-code-address', place);
    await limits.take('user-code-all', '');
    const userCode = normalizeUserCode(given);
    const code = userCode === undefined ? undefined : await findByUserCode(this.#deps, userCode);
    if (userCode === undefined || code === undefined) {
      const error = 'No device waits with this code. It may have been mistyped, or be over.';
      return this.#askForCode(request, reply, 422, given.slice(0, 20), error);
    }
    await limits.giveBack('user-code-address', place);
    await limits.giveBack('user-code-all', '');
    const state = this.#form(browser, { step: 'sign-in', code: code.id, userCode });
    return sendPage(reply, 200, signInPage(state, this.#waiting(request, code, userCode), ''));
  }

  async signIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request);
    const { browser, code, userCode } = await this.#device(request, 'sign-in', form);
    if (field(form, 'action') === 'deny') return this.#deny(request, reply, code);
    const username = field(form, 'username');
    const again = (status: number, error: string): FastifyReply => {
      const state = this.#form(browser, { step: 'sign-in', code: code.id, userCode }, error);
      const waiting = this.#waiting(request, code, userCode);
      return sendPage(reply, status, signInPage(state, waiting, username));
    };
    if (field(form, 'confirmed') !== 'yes') {
      return again(422, 'Compare the codes, and confirm that your device shows this one.');
    }
    const left = await countAttempt(this.#deps, code);
    if (left === undefined) return this.#deny(request, reply, code, 'There were too many tries.');
    let user: UserRow;
    try {
      const password = field(form, 'password');
      user = await checkPassword(this.#deps, { username, password, address: request.ip });
    } catch (error) {
      if (!(error instanceof HttpProblem) || error.status !== 401) throw error;
      if (left === 0) return this.#deny(request, reply, code, 'There were too many tries.');
      return again(
        401,
        `${error.message} ${left === 1 ? 'One try is' : `${left} tries are`} left.`,
      );
    }
    return this.#askForApproval(request, reply, { browser, code, userCode }, user);
  }

  async decide(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request);
    const opened = await this.#device(request, 'decide', form);
    const { code } = opened;
    const user = await findUser(this.#deps.db, opened.user ?? '');
    if (user?.status !== 'active') throw over();
    if (field(form, 'action') !== 'approve') {
      return this.#deny(request, reply, code, undefined, user);
    }
    await this.#deps.limits.take('device-account', user.id);
    const wanted = field(form, 'tenant');
    const choices = await this.#choices(user, code);
    const chosen = choices.find(({ tenant }) => (tenant?.id ?? '') === wanted);
    if (chosen === undefined || !form.has('tenant')) {
      return this.#askForApproval(request, reply, opened, user, 'Choose what it may reach.');
    }
    const decided = await decideDeviceCode(
      this.#deps,
      code,
      { approve: true, userId: user.id, tenantId: chosen.tenant?.id ?? null },
      { actor: `user:${user.id}`, requestId: request.id },
    );
    if (!decided) throw over();
    const text = 'The device is signed in within a few seconds. You can close this page.';
    return sendPage(reply, 200, messagePage('Done', text, 'done'));
  }

  async #askForApproval(
    request: FastifyRequest,
    reply: FastifyReply,
    opened: { browser: string; code: DeviceCode; userCode: string },
    user: UserRow,
    error?: string,
  ): Promise<FastifyReply> {
    const { browser, code, userCode } = opened;
    const choices = await this.#choices(user, code);
    if (choices.length === 0) {
      const text = `${user.username} is a member of no tenant where this could be allowed.`;
      return sendPage(reply, 403, messagePage('Nothing to allow', text, 'error'));
    }
    const payload = { step: 'decide', code: code.id, userCode, user: user.id } as const;
    const state = this.#form(browser, payload, error);
    const waiting = this.#waiting(request, code, userCode);
    const person = user.display_name ?? user.username;
    const proposed = code.tenant_hint ?? undefined;
    const status = error === undefined ? 200 : 422;
    return sendPage(reply, status, approvePage(state, waiting, person, choices, proposed));
  }

  #choices(user: UserRow, code: DeviceCode): ReturnType<typeof choicesOf> {
    const asked = code.scopes === null ? undefined : knownScopes(code.scopes);
    return choicesOf(this.#deps.db, user, asked);
  }

  #askForCode(
    request: FastifyRequest,
    reply: FastifyReply,
    status: number,
    userCode: string,
    error?: string,
  ): FastifyReply {
    let browser = this.#cookie.read(request.headers.cookie);
    if (browser === undefined) {
      const made = this.#cookie.create();
      browser = made.value;
      reply.header('set-cookie', made.header);
    }
    return sendPage(
      reply,
      status,
      codePage(this.#form(browser, { step: 'code' }, error), userCode),
    );
  }

  #form(browser: string, ...[payload, error]: [Parameters<Tickets['issue']>[1], string?]) {
    const base = new URL(this.#deps.issuer()).pathname.replace(/\/$/, '');
    return { base, ticket: this.#tickets.issue(browser, payload), error } satisfies FormState;
  }

  async #deny(
    request: FastifyRequest,
    reply: FastifyReply,
    code: DeviceCode,
    because?: string,
    user?: UserRow,
  ): Promise<FastifyReply> {
    const by = {
      actor: user === undefined ? 'anonymous' : `user:${user.id}`,
      requestId: request.id,
    };
    if (!(await decideDeviceCode(this.#deps, code, { approve: false }, by))) throw over();
    const text = because ?? 'The device was not let in. If it was not yours, nothing has happened.';
    return sendPage(
      reply,
      because === undefined ? 200 : 403,
      messagePage('Denied', text, because === undefined ? 'done' : 'error'),
    );
  }

  /** What the form's ticket says. @throws HttpProblem 403 `form-expired` */
  #open(request: FastifyRequest, step: 'code' | 'sign-in' | 'decide', form: URLSearchParams) {
    const browser = this.#cookie.read(request.headers.cookie);
    const ticket = this.#tickets.read(browser, step, field(form, 'ticket'));
    if (browser !== undefined && ticket !== undefined) return { browser, ...ticket };
    throw new HttpProblem(403, 'form-expired', 'This form is too old, or not of this browser.', {
      detail: 'Cookies are needed for this page, until the device is let in.',
    });
  }

  /** The same, and the device that it is about. @throws HttpProblem 403, 410 `code-over` */
  async #device(request: FastifyRequest, step: 'sign-in' | 'decide', form: URLSearchParams) {
    const { browser, user, userCode = '', ...ticket } = this.#open(request, step, form);
    const code = await findWaiting(this.#deps, ticket.code ?? '');
    if (code === undefined) throw over();
    return { browser, user, userCode, code };
  }

  #waiting(request: FastifyRequest, code: DeviceCode, userCode: string): Waiting {
    const asked = code.scopes === null ? undefined : knownScopes(code.scopes);
    const age = this.#deps.clock.now() - Date.parse(code.created_at);
    return {
      code,
      userCode: showUserCode(userCode),
      here: { address: request.ip, same: placeOf(request.ip) === placeOf(code.address) },
      minutes: Math.floor(age / 60_000),
      asked,
    };
  }
}

function over(): HttpProblem {
  return new HttpProblem(410, 'code-over', 'This code is over.', {
    detail: 'It was decided already, or too old. Begin again on the device.',
  });
}

function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
}

/** @throws HttpProblem 400 for one that is there twice */
function field(form: URLSearchParams, name: string): string {
  const [value = '', ...more] = form.getAll(name);
  if (more.length === 0) return value;
  throw new HttpProblem(400, 'malformed-request', 'The request cannot be read.');
}

export function sendPage(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/html; charset=utf-8').send(text);
}
