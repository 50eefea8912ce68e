import type { Scope } from '../../api/contract/scopes.ts';
import type { DeviceCode } from '../identity/device-codes.ts';
import type { Choice } from '../identity/sign-in.ts';
import { html, page, type Html } from './html.ts';

/** What every form carries: proof that this browser was given the form. */
export interface FormState {
  /** The path that a proxy may have put before ours. */
  base: string;
  ticket: string;
  /** What was wrong with the last try. */
  error?: string | undefined;
}

export interface Waiting {
  code: DeviceCode;
  /** As the device shows it. */
  userCode: string;
  /** Where this browser is. */
  here: { address: string; same: boolean };
  minutes: number;
  asked: readonly Scope[] | undefined;
}

/** First step: which device? */
export function codePage(state: FormState, userCode: string): string {
  return page(
    'Let a device in',
    html`<h1>Let a device in</h1>
      <p>Type the code that the device shows.</p>
      ${alertOf(state)}
      <form method="post" action="${state.base}/device">
        ${ticketOf(state)}
        <label for="code">Code</label>
        <input
          class="entry"
          id="code"
          name="user_code"
          value="${userCode}"
          maxlength="20"
          required
          autocomplete="off"
          autocapitalize="characters"
          spellcheck="false"
          aria-describedby="hint"
        />
        <p class="soft" id="hint">
          Eight letters, like BCDF-GHJK. Small letters and no hyphen will do.
        </p>
        <div class="buttons"><button type="submit">Continue</button></div>
      </form>`,
  );
}

/** Second step: what wants in, and who are you? */
export function signInPage(state: FormState, waiting: Waiting, username: string): string {
  return page(
    'Sign in',
    html`<h1>Is this your device?</h1>
      <p>It asks to act for you. Go on only if you have just asked it to yourself.</p>
      <p><strong class="code">${waiting.userCode}</strong></p>
      ${details(waiting)} ${alertOf(state)}
      <form method="post" action="${state.base}/device/sign-in">
        ${ticketOf(state)}
        <label class="check" for="confirmed"
          ><input type="checkbox" id="confirmed" name="confirmed" value="yes" required />
          <span>My device shows exactly this code</span></label
        >
        <label for="username">User name</label>
        <input
          id="username"
          name="username"
          value="${username}"
          maxlength="256"
          required
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
        />
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          maxlength="1024"
          required
          autocomplete="current-password"
        />
        <div class="buttons">
          <button type="submit" name="action" value="continue">Sign in</button>
          <button class="no" type="submit" name="action" value="deny" formnovalidate>
            Not mine: deny
          </button>
        </div>
      </form>`,
  );
}

/** Third step: for which tenant, and to do what? */
export function approvePage(
  state: FormState,
  waiting: Waiting,
  person: string,
  choices: readonly Choice[],
  proposed: string | undefined,
): string {
  return page(
    'Approve',
    html`<h1>Let ${nameOf(waiting.code)} in?</h1>
      <p>You are signed in as <strong>${person}</strong>.</p>
      ${details(waiting)} ${alertOf(state)}
      <form method="post" action="${state.base}/device/decide">
        ${ticketOf(state)}
        <fieldset>
          <legend>${choices.length > 1 ? 'What may it reach?' : 'It may reach'}</legend>
          ${choices.map((choice) => choiceOf(choice, choices.length === 1, proposed))}
        </fieldset>
        <div class="buttons">
          <button type="submit" name="action" value="approve">Approve</button>
          <button class="no" type="submit" name="action" value="deny" formnovalidate>Deny</button>
        </div>
      </form>`,
  );
}

/** The end, and every page that only says something. */
export function messagePage(
  title: string,
  text: string,
  kind: 'done' | 'error',
  again?: string,
): string {
  return page(
    title,
    html`<h1>${title}</h1>
      <p class="${kind}" role="${kind === 'done' ? 'status' : 'alert'}">${text}</p>
      ${again !== undefined && html`<p><a href="${again}">Begin again</a></p>`}`,
  );
}

function choiceOf(choice: Choice, only: boolean, proposed: string | undefined): Html {
  const value = choice.tenant?.id ?? '';
  const isChosen = only || (choice.tenant !== null && refersTo(choice.tenant, proposed));
  const name = choice.tenant?.name ?? 'No tenant: administer the server';
  return html`<label class="check"
    ><input type="radio" name="tenant" value="${value}" required ${isChosen ? CHECKED : false} />
    <span
      >${name}<small
        >As ${ROLES[choice.role]}: ${choice.scopes.map((scope) => WORDS[scope]).join('; ')}</small
      ></span
    ></label
  >`;
}

const CHECKED = html`checked`;

function refersTo(tenant: { id: string; slug: string }, ref: string | undefined): boolean {
  return ref !== undefined && (tenant.id === ref || tenant.slug === ref);
}

function details({ code, here, minutes, asked }: Waiting): Html {
  return html`<dl>
    <div>
      <dt>Device</dt>
      <dd>
        ${nameOf(code)}${code.device_system !== null && html`<br /><span class="soft">${code.device_system}</span>`}
      </dd>
    </div>
    <div>
      <dt>Place</dt>
      <dd>
        ${code.address}<br /><span class="soft"
          >${here.same ? 'the same place as yours' : `another place than yours (${here.address})`},
          ${minutes < 1 ? 'just now' : minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`}</span
        >
      </dd>
    </div>
    <div>
      <dt>It asks for</dt>
      <dd>
        ${
          asked === undefined
            ? 'what you may do yourself in the tenant that you choose'
            : html`<ul>
                ${asked.map((scope) => html`<li>${WORDS[scope]}</li>`)}
              </ul>`
        }
      </dd>
    </div>
  </dl>`;
}

function nameOf({ device_name: name }: DeviceCode): string {
  return name ?? 'A device without a name';
}

function alertOf({ error }: FormState): Html | false {
  return error !== undefined && html`<p class="error" role="alert">${error}</p>`;
}

function ticketOf({ ticket }: FormState): Html {
  return html`<input type="hidden" name="ticket" value="${ticket}" />`;
}

const ROLES = {
  owner: 'owner of the server',
  admin: 'administrator of the server',
  tenant_admin: 'administrator of the tenant',
  editor: 'editor',
  viewer: 'viewer',
} as const;

const WORDS: Record<Scope, string> = {
  'mount:read': 'read files',
  mount: 'read and change files',
  tenant: 'administer the tenant’s members and keys',
  tenants: 'add and change tenants',
  users: 'add and change users',
  tokens: 'manage everybody’s keys',
  'audit:read': 'read what has happened',
  instance: 'do everything that only an owner may',
};
