import * as z from 'zod/mini';
import { StorageError, type AccessKeyPair, type ListedAccessKey } from './provider.ts';
import { assertMoved, parseAnswer, type Signer } from './signed-requests.ts';

const VERSION = '2010-05-08';

/** An empty list comes as an empty element, which parses as ''. */
const list = <T extends z.ZodMiniType>(member: T) =>
  z.optional(z.union([z.literal(''), z.object({ member: z.array(member) })]));

const CreatedPolicy = z.object({
  CreatePolicyResponse: z.object({
    CreatePolicyResult: z.object({ Policy: z.object({ Arn: z.string() }) }),
  }),
});
const CreatedAccessKey = z.object({
  CreateAccessKeyResponse: z.object({
    CreateAccessKeyResult: z.object({
      AccessKey: z.object({ AccessKeyId: z.string(), SecretAccessKey: z.string() }),
    }),
  }),
});
const paging = { IsTruncated: z.optional(z.string()), Marker: z.optional(z.string()) };
const PolicyPage = z.object({
  ListPoliciesResponse: z.object({
    ListPoliciesResult: z.object({
      ...paging,
      Policies: list(z.object({ PolicyName: z.string(), Arn: z.string() })),
    }),
  }),
});
const AccessKeyPage = z.object({
  ListAccessKeysResponse: z.object({
    ListAccessKeysResult: z.object({
      ...paging,
      AccessKeyMetadata: list(
        z.object({
          AccessKeyId: z.string(),
          UserName: z.optional(z.string()),
          Status: z.optional(z.string()),
        }),
      ),
    }),
  }),
});
const PolicyUsers = z.object({
  ListEntitiesForPolicyResponse: z.object({
    ListEntitiesForPolicyResult: z.object({
      PolicyUsers: list(z.object({ UserName: z.string() })),
    }),
  }),
});

interface Page<T> {
  items: T[];
  next: string | undefined;
}

/**
 * The actions we use of the AWS IAM Query API (form POST, XML answers), with Tigris's one quirk:
 * `UserName` is a label in CreateAccessKey and the access key id everywhere else.
 * Sources: AWS IAM API reference; Tigris documentation, "IAM API".
 */
export class IamClient {
  readonly #endpoint: string;
  readonly #signer: Signer;
  constructor(endpoint: string, signer: Signer) {
    this.#endpoint = endpoint;
    this.#signer = signer;
  }

  async createPolicy(name: string, document: object): Promise<string> {
    const action = 'CreatePolicy';
    const text = await this.#call(action, {
      PolicyName: name,
      PolicyDocument: JSON.stringify(document),
    });
    return parseAnswer(action, text, CreatedPolicy).CreatePolicyResponse.CreatePolicyResult.Policy
      .Arn;
  }

  async findPolicy(name: string): Promise<string | undefined> {
    for await (const policy of this.#pages((marker) => this.#policies(marker))) {
      if (policy.PolicyName === name) return policy.Arn;
    }
    return undefined;
  }

  async listPolicies(): Promise<{ name: string; arn: string }[]> {
    const found: { name: string; arn: string }[] = [];
    for await (const { PolicyName, Arn } of this.#pages((marker) => this.#policies(marker))) {
      found.push({ name: PolicyName, arn: Arn });
    }
    return found;
  }

  /** A policy that is still attached (its key's deletion may lag) is detached first. */
  async deletePolicy(arn: string): Promise<void> {
    try {
      await this.#gone('DeletePolicy', { PolicyArn: arn });
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'DeleteConflict') throw error;
      for (const userName of await this.#usersOf(arn)) {
        await this.#gone('DetachUserPolicy', { UserName: userName, PolicyArn: arn });
      }
      await this.#gone('DeletePolicy', { PolicyArn: arn });
    }
  }

  async createAccessKey(label: string): Promise<AccessKeyPair> {
    const action = 'CreateAccessKey';
    const text = await this.#call(action, { UserName: label });
    const { AccessKey } = parseAnswer(action, text, CreatedAccessKey).CreateAccessKeyResponse
      .CreateAccessKeyResult;
    return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
  }

  async findAccessKeys(label: string): Promise<string[]> {
    const keys = await this.listAccessKeys();
    return keys.filter((key) => key.label === label).map(({ id }) => id);
  }

  async listAccessKeys(): Promise<ListedAccessKey[]> {
    const found: ListedAccessKey[] = [];
    for await (const key of this.#pages((marker) => this.#accessKeys(marker))) {
      const { AccessKeyId: id, UserName: label = '', Status: status } = key;
      found.push({ id, label, active: status === undefined ? undefined : status === 'Active' });
    }
    return found;
  }

  async setAccessKeyActive(accessKeyId: string, active: boolean): Promise<boolean> {
    const Status = active ? 'Active' : 'Inactive';
    const key = { AccessKeyId: accessKeyId, UserName: accessKeyId };
    return this.#gone('UpdateAccessKey', { ...key, Status });
  }

  async deleteAccessKey(accessKeyId: string): Promise<void> {
    await this.#gone('DeleteAccessKey', { AccessKeyId: accessKeyId, UserName: accessKeyId });
  }

  async attachPolicy(accessKeyId: string, arn: string): Promise<void> {
    await this.#call('AttachUserPolicy', { UserName: accessKeyId, PolicyArn: arn });
  }

  async #usersOf(arn: string): Promise<string[]> {
    const action = 'ListEntitiesForPolicy';
    const text = await this.#call(action, { PolicyArn: arn });
    const { PolicyUsers: users } = parseAnswer(action, text, PolicyUsers)
      .ListEntitiesForPolicyResponse.ListEntitiesForPolicyResult;
    return members(users).map((user) => user.UserName);
  }

  async #policies(marker: string | undefined): Promise<Page<{ PolicyName: string; Arn: string }>> {
    const action = 'ListPolicies';
    const text = await this.#call(action, { Scope: 'Local', ...markerField(marker) });
    const result = parseAnswer(action, text, PolicyPage).ListPoliciesResponse.ListPoliciesResult;
    return { items: members(result.Policies), next: nextMarker(result) };
  }

  async #accessKeys(
    marker: string | undefined,
  ): Promise<
    Page<{ AccessKeyId: string; UserName?: string | undefined; Status?: string | undefined }>
  > {
    const action = 'ListAccessKeys';
    const text = await this.#call(action, markerField(marker));
    const result = parseAnswer(action, text, AccessKeyPage).ListAccessKeysResponse
      .ListAccessKeysResult;
    return { items: members(result.AccessKeyMetadata), next: nextMarker(result) };
  }

  async *#pages<T>(read: (marker: string | undefined) => Promise<Page<T>>): AsyncGenerator<T> {
    let marker: string | undefined;
    do {
      const page = await read(marker);
      yield* page.items;
      if (page.next !== undefined) assertMoved('List', marker, page.next);
      marker = page.next;
    } while (marker !== undefined);
  }

  /** For deletions: what is not there any more is what we wanted. @returns whether it was there */
  async #gone(action: string, parameters: Record<string, string>): Promise<boolean> {
    try {
      await this.#call(action, parameters);
      return true;
    } catch (error) {
      const gone =
        error instanceof StorageError && (error.code === 'NoSuchEntity' || error.status === 404);
      if (!gone) throw error;
      return false;
    }
  }

  #call(action: string, parameters: Record<string, string>): Promise<string> {
    return this.#signer({
      action,
      method: 'POST',
      url: `${this.#endpoint}/`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ Action: action, Version: VERSION, ...parameters }).toString(),
    });
  }
}

function members<T>(value: '' | { member: T[] } | undefined): T[] {
  return value === undefined || value === '' ? [] : value.member;
}

function markerField(marker: string | undefined): Record<string, string> {
  return marker === undefined ? {} : { Marker: marker };
}

function nextMarker(page: {
  IsTruncated?: string | undefined;
  Marker?: string | undefined;
}): string | undefined {
  return page.IsTruncated === 'true' && page.Marker !== '' ? page.Marker : undefined;
}
