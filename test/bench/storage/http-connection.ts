import { connect, type Socket } from 'node:net';

export interface Exchanged {
  status: number;
  /** Bytes of the body. */
  size: number;
  /** Empty unless it was to be kept. */
  body: Buffer;
}

interface Waiting {
  keep: boolean;
  resolve: (exchanged: Exchanged) => void;
  reject: (error: Error) => void;
}

const HEAD_END = '\r\n\r\n';

/**
 * One kept-alive HTTP/1.1 connection with one request at a time. Node's own client takes as much
 * processor for a small request as the store takes to answer it, and on two cores a benchmark
 * would measure that.
 */
export class HttpConnection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #waiting: Waiting | undefined;
  /** Bytes of a head that has not arrived whole, or of a chunked body. */
  #pending: Buffer = Buffer.alloc(0);
  #reply: { status: number; left: number; size: number; kept: Buffer[] } | undefined;
  #chunked: number | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /** @param head request line and headers, without the empty line that ends them */
  exchange(head: string, body: Uint8Array | undefined, keep: boolean): Promise<Exchanged> {
    const socket = (this.#socket ??= this.#open());
    return new Promise((resolve, reject) => {
      this.#waiting = { keep, resolve, reject };
      const text = `${head}\r\ncontent-length: ${body?.length ?? 0}${HEAD_END}`;
      if (body === undefined) {
        socket.write(text, 'latin1');
      } else {
        socket.cork();
        socket.write(text, 'latin1');
        socket.write(body);
        socket.uncork();
      }
    });
  }

  #open(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#socket = undefined;
      this.#pending = Buffer.alloc(0);
      this.#reply = undefined;
      this.#chunked = undefined;
      this.#waiting?.reject(new Error('the connection was cut'));
      this.#waiting = undefined;
    });
    return socket;
  }

  #read(chunk: Buffer): void {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = Buffer.alloc(0);
    if (this.#reply === undefined && this.#chunked === undefined) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) {
        this.#pending = bytes;
        return;
      }
      this.#readHead(bytes.toString('latin1', 0, end));
      bytes = bytes.subarray(end + HEAD_END.length);
    }
    if (this.#chunked !== undefined) this.#readChunked(bytes, this.#chunked);
    else this.#readBody(bytes);
  }

  #readHead(head: string): void {
    const status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined && /\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#chunked = status;
    } else {
      this.#reply = { status, left: Number(length ?? 0), size: 0, kept: [] };
    }
  }

  #readBody(bytes: Buffer): void {
    const reply = this.#reply;
    if (reply === undefined) return;
    reply.left -= bytes.length;
    reply.size += bytes.length;
    if (this.#waiting?.keep === true) reply.kept.push(bytes);
    if (reply.left > 0) return;
    this.#reply = undefined;
    this.#done({ status: reply.status, size: reply.size, body: Buffer.concat(reply.kept) });
  }

  /** Decoded when it is there as a whole: only listings of other stores come this way. */
  #readChunked(bytes: Buffer, status: number): void {
    const pieces: Buffer[] = [];
    for (let at = 0; ;) {
      const end = bytes.indexOf('\r\n', at);
      const size = end < 0 ? NaN : Number.parseInt(bytes.toString('latin1', at, end), 16);
      if (Number.isNaN(size) || end + size + 4 > bytes.length) {
        this.#pending = bytes;
        return;
      }
      if (size === 0) break;
      pieces.push(bytes.subarray(end + 2, end + 2 + size));
      at = end + size + 4;
    }
    this.#chunked = undefined;
    const body = Buffer.concat(pieces);
    this.#done({ status, size: body.length, body });
  }

  #done(exchanged: Exchanged): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(exchanged);
  }

  close(): void {
    this.#socket?.destroy();
  }
}
