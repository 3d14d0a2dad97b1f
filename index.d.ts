/// <reference types="node" />

import { EventEmitter } from 'node:events'
import { Duplex, Readable, Writable } from 'node:stream'

/** What a runner and its sessions share: a shell, and the queue of its commands. */
declare abstract class Shell<Events extends Record<keyof Events, any[]>> extends EventEmitter<Events> {
  /** The stream of the shell; of a runner `null` until it is attached. */
  readonly stream: DockerRunner.ContainerStream | null

  /**
   * Runs a command in the shell. Its output goes to {@link stream}; its stdin is empty,
   * with `Tty: true` the terminal.
   *
   * As in docker-exec, **another exit code than 0 rejects with that number itself**, 1 to
   * 255, not with an Error: `catch (code) { if (typeof code !== 'number') throw code }`.
   *
   * @param command Any text that a shell takes, on any number of lines; up to 16 MiB of
   *   UTF-8, without NUL.
   * @returns 0.
   * @throws (rejects with) the exit code; or
   *   `ERR_INVALID_ARG_VALUE`: no string, too long, or with a NUL; nothing was sent;
   *   `ERR_NOT_STARTED`, `ERR_QUEUE_FULL`: nothing was sent;
   *   `ERR_STOPPED`: the runner was stopped, or the session closed, before the command's end;
   *   `ERR_CONTAINER_GONE`: the container ended with or under the command;
   *   `ERR_CONNECTION_LOST`, `ERR_ENGINE_PROTOCOL`, `ERR_ENGINE_TIMEOUT`: and the shell ends,
   *   of a runner with its container;
   *   `ERR_SHELL_RESTARTED`: the command left its shell stopped or deaf, so that there is
   *   no exit code; a fresh shell stands ready.
   */
  run(command: string): Promise<0>

  /**
   * Runs a command in the same shell, in the same queue as {@link run}, and gives how it
   * ended, with its output: all at once when it is over, or while it comes
   * ({@link DockerRunner.ExecPromise}).
   *
   * Never throws: whatever is wrong, the promise rejects.
   *
   * @param command As of {@link run}.
   * @throws (rejects with) a {@link DockerRunner.ExecError} that carries the result, with
   *   `ERR_EXIT_CODE`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_MAX_BUFFER` or `ERR_INPUT`, or the
   *   code of what left the command without an exit code, as of {@link run}. With
   *   `reject: false` only `ERR_INPUT` and what has no exit code reject.
   *   What wasn't even queued (`ERR_INVALID_ARG_VALUE`, `ERR_NOT_STARTED`, `ERR_QUEUE_FULL`,
   *   `ERR_STOPPED`) is a {@link DockerRunner.DockerExecError} without a result.
   */
  exec(command: string, options: DockerRunner.ExecOptions & { encoding: 'buffer', all: true }): DockerRunner.ExecPromise<Buffer, DockerRunner.ExecResultWithAll<Buffer>>
  exec(command: string, options: DockerRunner.ExecOptions & { encoding: 'buffer' }): DockerRunner.ExecPromise<Buffer>
  exec(command: string, options: DockerRunner.ExecOptions & { encoding?: BufferEncoding | undefined, all: true }): DockerRunner.ExecPromise<string, DockerRunner.ExecResultWithAll>
  exec(command: string, options?: DockerRunner.ExecOptions & { encoding?: BufferEncoding | undefined }): DockerRunner.ExecPromise
  exec(command: string, options?: DockerRunner.ExecOptions): DockerRunner.ExecPromise<string | Buffer>

  /**
   * A template tag for {@link exec}: every value is quoted, so that it is one word of the
   * command, and exactly that; an array is several. With options it gives the tag:
   * ``runner.sh({ timeout: 1000 })`ls ${folder}` ``. The text between the values is taken as
   * it is written, backslashes too. A value stands on its own: not within quotes.
   *
   * @throws `ERR_INVALID_ARG_VALUE`, at once, for a value that can't be quoted.
   */
  sh(command: TemplateStringsArray, ...values: DockerRunner.Quotable[]): DockerRunner.ExecPromise
  sh(options: DockerRunner.ExecOptions & { encoding: 'buffer', all: true }): DockerRunner.ShellTag<DockerRunner.ExecPromise<Buffer, DockerRunner.ExecResultWithAll<Buffer>>>
  sh(options: DockerRunner.ExecOptions & { encoding: 'buffer' }): DockerRunner.ShellTag<DockerRunner.ExecPromise<Buffer>>
  sh(options: DockerRunner.ExecOptions & { encoding?: BufferEncoding | undefined, all: true }): DockerRunner.ShellTag<DockerRunner.ExecPromise<string, DockerRunner.ExecResultWithAll>>
  sh(options?: DockerRunner.ExecOptions & { encoding?: BufferEncoding | undefined }): DockerRunner.ShellTag<DockerRunner.ExecPromise>
  sh(options?: DockerRunner.ExecOptions): DockerRunner.ShellTag<DockerRunner.ExecPromise<string | Buffer>>
}

/**
 * A shell that you can await, inside a container that you can throw away: a drop-in
 * successor of docker-exec 0.3.0.
 *
 * One runner has at most one container at a time, with one shell of its own in it, and as
 * many more as {@link session} opens. Commands of a shell run one at a time, in the order
 * of the calls, and each settles. Directory, variables, functions and options of the shell
 * stay from one command to the next.
 *
 * Whatever goes wrong rejects (or, in the constructor, throws) with a
 * {@link DockerRunner.DockerExecError}, whose `code` says what it is; only {@link run}
 * rejects with the bare exit code of a command that failed.
 *
 * The container goes when the runner is stopped, is garbage, or its process ends, in
 * whatever way. An idle runner doesn't keep a program alive; a command under way does.
 */
declare class DockerRunner extends Shell<DockerRunner.Events> {
  /**
   * Connects to nothing yet: the first call that needs the engine does.
   *
   * @param options Where the engine is; without, the environment says
   *   ({@link DockerRunner.EngineOptions}).
   * @throws `ERR_INVALID_ARG_VALUE` for an unknown option or a wrong type. What shows only
   *   when the options are taken together rejects the first call that needs the engine.
   */
  constructor(options?: DockerRunner.EngineOptions | null)

  /**
   * Removes the containers that programs have left behind which were killed before they could
   * start them, or while they were paused: those whose process has certainly ended, of this
   * machine since it was booted and of this pid namespace, as their labels say. Never one
   * whose process lives, nor one that only inherited the labels from an image. Linux only:
   * elsewhere every container is `unknown`.
   *
   * @param engine Where the engine is, as of the constructor.
   * @throws (rejects with) `ERR_INVALID_ARG_VALUE`, and engine errors: also of the first
   *   container that couldn't be removed, after all were tried.
   */
  static prune(engine?: DockerRunner.EngineOptions | null): Promise<DockerRunner.Pruned>

  /**
   * Builds an image, by the engine's classic builder (Engine API, "Build an image"), and
   * resolves with its id. The context is streamed; `.dockerignore` counts as for the docker
   * command line. Credentials of base images come from docker's own configuration. Steps that
   * haven't changed are taken from the engine's cache.
   *
   * @param engine Where the engine is, as of the constructor.
   * @throws (rejects with) `ERR_BUILD_FAILED`; `ERR_FILE` for what can't be read here;
   *   `ERR_ABORTED` by `signal`: the build ends, and its container goes;
   *   `ERR_INVALID_ARG_VALUE`, before anything is sent; and engine errors.
   */
  static build(options: DockerRunner.BuildOptions & DockerRunner.BuildControl, engine?: DockerRunner.EngineOptions | null): Promise<string>

  /** The engine. (In docker-exec this was a dockerode client; here it isn't.) */
  readonly docker: DockerRunner.Docker

  /** The container that was created last, also after its end; `null` before the first. */
  readonly container: DockerRunner.Container | null

  /**
   * Pulls the image where `pull` says so, creates a container, attaches to it, starts it
   * and waits for its shell. What fails half-way is undone. After a `stop()` it may be
   * called again, for another container.
   *
   * @returns The container's stream, the same as {@link stream}.
   * @throws (rejects with)
   *   `ERR_INVALID_ARG_VALUE`: an option is unknown, of the wrong type, or not yours to set;
   *   `ERR_ALREADY_STARTED`: there is a container, or a start is under way;
   *   `ERR_STOPPED`: `stop()` came first;
   *   `ERR_IMAGE_NOT_FOUND`, `ERR_PULL_FAILED`, `ERR_IMAGE_UNSUITABLE`, `ERR_BUILD_FAILED`,
   *   `ERR_SETUP_FAILED`: see {@link DockerRunner.ErrorCode};
   *   `ERR_ENGINE_UNREACHABLE`, `ERR_ENGINE_TIMEOUT`, `ERR_ENGINE_RESPONSE`,
   *   `ERR_ENGINE_PROTOCOL`, `ERR_CONNECTION_LOST`, `ERR_CONTAINER_GONE`.
   */
  start(options?: DockerRunner.StartOptions | null): Promise<DockerRunner.ContainerStream>

  /**
   * Puts a fresh container in the place of this one: with the same settings, from the same
   * image (also where its name means another by now), without anything that commands did.
   * The old one is removed meanwhile; where there can't be two at a time (a `name`, ports,
   * addresses), before. What runs or waits in it, its sessions and processes end as with
   * {@link stop}. A container that has ended by itself can be replaced too.
   *
   * @returns The new container's stream; the old one ends.
   * @throws (rejects with) `ERR_NOT_STARTED`, also after `stop()`; `ERR_ALREADY_STARTED`
   *   while a start or a reset is under way; `ERR_STOPPED` when `stop()` overtakes it; and
   *   what engines fail with, as {@link start}: then the runner is stopped.
   */
  reset(): Promise<DockerRunner.ContainerStream>

  /**
   * Opens another shell in the container, beside this runner's: with its own queue,
   * directory, variables and stream. Its commands run at the same time as those of the
   * others. It has no terminal, also with `Tty: true`.
   *
   * @throws (rejects with) `ERR_NOT_STARTED`, `ERR_STOPPED`; `ERR_INVALID_ARG_VALUE` for an
   *   option that is unknown or of the wrong type; `ERR_IMAGE_UNSUITABLE` where there can be
   *   no such shell, user or directory; and engine errors.
   */
  session(options?: DockerRunner.SessionOptions | null): Promise<DockerRunner.DockerSession>

  /**
   * Starts a program in the container, with no shell around it, no queue, and stdin, stdout
   * and stderr of its own: as near to `child_process.spawn` as it can be. Several run at once.
   * (Engine API, "Create an exec instance".)
   *
   * What can't be started is an `error` event, as of a child process.
   *
   * @param file A path in the container, or a name to be looked for in the container's `PATH`.
   * @param args Each is one argument, as it is.
   * @throws `ERR_INVALID_ARG_VALUE`, at once; nothing was started.
   */
  spawn(file: string, args?: ReadonlyArray<string | number>, options?: DockerRunner.SpawnOptions): DockerRunner.ContainerProcess
  spawn(file: string, options: DockerRunner.SpawnOptions): DockerRunner.ContainerProcess

  /**
   * Writes a file in the container, as its user, and makes the folders it lies in. In place:
   * when it fails half-way, a part is there. Every path in the container is seen from its
   * working directory.
   *
   * @param data Streamed; a text is UTF-8.
   * @throws (rejects with) `ERR_FILE`, with the container's own words; and as {@link exec}
   *   what isn't even begun, and engine errors. So do the calls below.
   */
  writeFile(path: string, data: DockerRunner.ExecInput, options?: DockerRunner.WriteFileOptions): Promise<void>

  /**
   * Reads a file in the container, whole.
   *
   * @throws (rejects with) as {@link writeFile}; `ERR_UNSAFE_FILES` for more than `maxBytes`.
   */
  readFile(path: string, options: DockerRunner.ReadFileOptions & { encoding: BufferEncoding }): Promise<string>
  readFile(path: string, options?: DockerRunner.ReadFileOptions & { encoding?: 'buffer' | undefined }): Promise<Buffer>

  /** Makes a folder in the container, and those it lies in. One that is there is as good. */
  mkdir(path: string): Promise<void>

  /** Removes a file in the container; with `recursive` a folder, with `force` also what isn't there. */
  rm(path: string, options?: { recursive?: boolean | undefined, force?: boolean | undefined }): Promise<void>

  /** What a path in the container is; of a link, what it leads to. Needs `stat` in the image. */
  stat(path: string): Promise<DockerRunner.FileStat>

  /** Whether there is such a path in the container; of a link, what it leads to. */
  exists(path: string): Promise<boolean>

  /** The names in a folder of the container, sorted, without `.` and `..`. */
  readdir(path: string): Promise<string[]>

  /**
   * Puts a file or a folder into the container, as `remote`: a file replaces one; the content
   * of a folder goes to what is there already. Streamed. It belongs to the container's user;
   * modes (without set-user-id bits), times and links come along. A folder needs `tar` in the
   * image.
   *
   * @param local A path, or a `file:` URL.
   * @throws (rejects with) as {@link writeFile}.
   */
  upload(local: string | URL, remote: string): Promise<void>

  /**
   * Brings a file or a folder out of the container, as `local`: a file replaces one, a folder
   * must not be there, or be empty. Streamed, and put in its place when it's whole: what fails
   * leaves nothing. Needs `tar` in the image.
   *
   * The container is trusted in nothing: refused are names that lead out of the folder, links
   * that do so or lead up behind a name, what lies in a link, devices, pipes, and more than the
   * options allow. Owners and set-user-id bits stay behind.
   *
   * @throws (rejects with) as {@link writeFile}; `ERR_UNSAFE_FILES` for what is refused.
   */
  download(remote: string, local: string | URL, options?: DockerRunner.DownloadOptions): Promise<void>

  /**
   * Makes an image of the container's files, as they are now: await the commands first, as
   * the container isn't paused. (Engine API, "Create a new image from a container".) What is in
   * a tmpfs or a volume isn't part of it. It starts what the container's own image starts; user,
   * directory, variables and `Labels` are the container's, and the labels of a runner are empty.
   *
   * @returns The image's id.
   * @throws (rejects with) `ERR_NOT_STARTED`, `ERR_STOPPED`, `ERR_INVALID_ARG_VALUE`, and
   *   engine errors: `ERR_ENGINE_RESPONSE` for a tag that is none.
   */
  commit(options?: DockerRunner.CommitOptions | null): Promise<string>

  /**
   * Kills the container and removes it, with its anonymous volumes; resolves when it is
   * gone. Commands that run or wait, of this runner and its sessions, and a start under
   * way, reject with `ERR_STOPPED`. In every other state it resolves too, and changes
   * nothing.
   *
   * @throws (rejects with) `ERR_ENGINE_TIMEOUT`, `ERR_ENGINE_RESPONSE`,
   *   `ERR_ENGINE_UNREACHABLE` or `ERR_CONNECTION_LOST` when the engine can't be asked to
   *   remove the container.
   */
  stop(): Promise<void>

  /** {@link stop}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>

  /**
   * Tells the terminal how large it is; until then it has 80 columns and 24 rows. Only
   * with `Tty: true`. (Engine API, "Resize an exec instance".)
   *
   * @param columns 1 to 65,535.
   * @param rows 1 to 65,535.
   * @throws (rejects with) `ERR_INVALID_ARG_VALUE`; `ERR_NOT_STARTED` where there is no
   *   terminal; `ERR_ENGINE_RESPONSE` and the other engine errors.
   */
  resize(columns: number, rows: number): Promise<void>

  /**
   * The first step of {@link start}, alone: the image and the container. (Engine API,
   * "Create a container".) Until the last step, the container stays *created*; `stop()`
   * removes it.
   *
   * @throws (rejects with) as {@link start}.
   */
  createContainer(options?: DockerRunner.StartOptions | null): Promise<DockerRunner.Container>

  /**
   * The second step: attaches to the container that this runner created last. (Engine API,
   * "Attach to a container".) Emits `container:attach`.
   *
   * @throws (rejects with) `ERR_INVALID_ARG_VALUE` for another container,
   *   `ERR_NOT_STARTED` and `ERR_ALREADY_STARTED` out of order, and engine errors.
   */
  attachContainer(container?: DockerRunner.ContainerRef | null): Promise<DockerRunner.ContainerStream>

  /**
   * The last step: starts the container and waits for its shell. (Engine API, "Start a
   * container".) Emits `container:start`.
   *
   * @param options Ignored, as the options of {@link createContainer} hold.
   * @throws (rejects with) as {@link attachContainer}, and `ERR_IMAGE_UNSUITABLE`. Call
   *   `stop()` then: unlike {@link start}, this doesn't undo the earlier steps.
   */
  startContainer(container?: DockerRunner.ContainerRef | null, options?: DockerRunner.StartOptions | null): Promise<void>

  /**
   * Waits for the end of a container, by default this runner's. (Engine API, "Wait for a
   * container".) Gives nothing, as in docker-exec: that waiting failed is an `error` event.
   *
   * @throws `ERR_INVALID_ARG_VALUE`, at once, when there is no container to wait for.
   */
  waitContainer(container?: DockerRunner.ContainerRef | null): void

  /**
   * Pulls an image, whether or not the engine has it; without a tag or digest, `latest`.
   * (Engine API, "Create an image".) Credentials come from docker's `config.json` and the
   * credential helpers it names. Emits `pull:progress`.
   *
   * @throws (rejects with) `ERR_IMAGE_NOT_FOUND`, `ERR_PULL_FAILED`, `ERR_STOPPED`,
   *   `ERR_INVALID_ARG_VALUE`, and engine errors.
   */
  pullContainer(image: string): Promise<void>

  /**
   * Removes a container, running or not, with its anonymous volumes; resolves when it is
   * gone, also when it was gone already. (Engine API, "Remove a container".) By default,
   * and for this runner's own container, it is {@link stop}.
   *
   * @throws (rejects with) `ERR_INVALID_ARG_VALUE`, and engine errors.
   */
  removeContainer(container?: DockerRunner.ContainerRef | null): Promise<void>

  /**
   * Sends SIGKILL to a container, by default this runner's. (Engine API, "Kill a
   * container".) One that doesn't run is as good.
   *
   * @throws (rejects with) `ERR_INVALID_ARG_VALUE`, and engine errors.
   */
  killContainer(container?: DockerRunner.ContainerRef | null): Promise<void>

  /**
   * Ends {@link stream}, and the container with it; resolves when both are gone. Output
   * that nobody has read yet is dropped.
   */
  streamEnd(): Promise<void>
}

declare namespace DockerRunner {
  export { DockerRunner }

  /**
   * What an error is, as its `code`:
   *
   * - `ERR_INVALID_ARG_VALUE`: a value can't be used; nothing was changed.
   * - `ERR_NOT_STARTED`: the call needs a container that runs.
   * - `ERR_ALREADY_STARTED`: the runner has a container, or is making one.
   * - `ERR_STOPPED`: `stop()` came first, or the stream was ended.
   * - `ERR_QUEUE_FULL`: 1,048,576 commands wait in this runner.
   * - `ERR_ENGINE_UNREACHABLE`: no engine answered; `message` lists what was tried.
   * - `ERR_ENGINE_TIMEOUT`: the engine took a request and said nothing for
   *   {@link EngineOptions.timeout}.
   * - `ERR_ENGINE_RESPONSE`: the engine refused; `status` is the HTTP status, `message` ends
   *   with the engine's words.
   * - `ERR_ENGINE_PROTOCOL`: what came from the engine isn't its protocol.
   * - `ERR_IMAGE_NOT_FOUND`: the engine doesn't have the image, and the registry doesn't
   *   either, or it was not to be asked.
   * - `ERR_PULL_FAILED`: the image can't be had right now; trying again is safe.
   * - `ERR_BUILD_FAILED`: an image can't be built; `step` is the instruction that failed, if
   *   it came so far, `output` what that printed.
   * - `ERR_SETUP_FAILED`: a command of {@link StartOptions.setup} failed: `step`, with its
   *   `output`; `cause` is the {@link ExecError}.
   * - `ERR_IMAGE_UNSUITABLE`: the image lacks what a session needs: a POSIX `/bin/sh`,
   *   `cat`, and the shell that was asked for.
   * - `ERR_SPAWN_FAILED`: the container has no such program or directory, or the user no
   *   right to it; nothing was run.
   * - `ERR_FILE`: a file or folder, here or in the container, can't be read or written.
   * - `ERR_UNSAFE_FILES`: the container gave files that would be dangerous here, or more than
   *   was allowed. Nothing of them was kept.
   * - `ERR_CONTAINER_GONE`: the container ended.
   * - `ERR_CONNECTION_LOST`: the connection broke; the container ends with it.
   * - `ERR_SHELL_RESTARTED`: the command left its shell stopped or deaf, so its exit code
   *   is unknown. A fresh shell stands ready: directory and variables are lost, files
   *   are not.
   *
   * Of {@link ExecError} only:
   *
   * - `ERR_EXIT_CODE`: the command failed: its exit code isn't 0.
   * - `ERR_TIMEOUT`: it was ended, because {@link ExecOptions.timeout} had passed. (Of
   *   {@link DockerPool.acquire} too: no runner was free in time.)
   * - `ERR_ABORTED` (of a process, a build and a pool too): it was ended, or never begun, because
   *   {@link ExecOptions.signal} said so. `cause` is the signal's reason.
   * - `ERR_MAX_BUFFER`: it was ended, because it printed more than
   *   {@link ExecOptions.maxBuffer}.
   * - `ERR_INPUT`: it was ended, because {@link ExecOptions.input} failed. `cause` is what
   *   that failed with.
   */
  export type ErrorCode =
    | 'ERR_INVALID_ARG_VALUE'
    | 'ERR_NOT_STARTED'
    | 'ERR_ALREADY_STARTED'
    | 'ERR_STOPPED'
    | 'ERR_QUEUE_FULL'
    | 'ERR_ENGINE_UNREACHABLE'
    | 'ERR_ENGINE_TIMEOUT'
    | 'ERR_ENGINE_RESPONSE'
    | 'ERR_ENGINE_PROTOCOL'
    | 'ERR_IMAGE_NOT_FOUND'
    | 'ERR_PULL_FAILED'
    | 'ERR_BUILD_FAILED'
    | 'ERR_SETUP_FAILED'
    | 'ERR_IMAGE_UNSUITABLE'
    | 'ERR_SPAWN_FAILED'
    | 'ERR_FILE'
    | 'ERR_UNSAFE_FILES'
    | 'ERR_CONTAINER_GONE'
    | 'ERR_CONNECTION_LOST'
    | 'ERR_SHELL_RESTARTED'
    | 'ERR_EXIT_CODE'
    | 'ERR_TIMEOUT'
    | 'ERR_ABORTED'
    | 'ERR_MAX_BUFFER'
    | 'ERR_INPUT'

  /** Everything that this package rejects with or throws, but for the exit codes of `run()`. */
  export class DockerExecError extends Error {
    protected constructor()
    readonly name: 'DockerExecError' | 'ExecError'
    /** What it is. `message` says what happened, to what, and what to do. */
    readonly code: ErrorCode
    /** The HTTP status of the engine's answer, with `ERR_ENGINE_RESPONSE`. */
    readonly status?: number
    /** With `ERR_BUILD_FAILED` the instruction, with `ERR_SETUP_FAILED` the command, that failed. */
    readonly step?: string
    /** What that printed, on both streams: the last 64 KiB at least, of a command at the most. */
    readonly output?: string
  }

  /**
   * A command that failed: the fields of {@link ExecResult}, as far as the command came.
   * `message` has the last 2,000 characters of stderr in it.
   */
  export class ExecError<Output extends string | Buffer = string> extends DockerExecError {
    private constructor()
    readonly name: 'ExecError'
    /** With `ERR_ABORTED` the signal's reason; with `ERR_INPUT` what the input failed with. */
    readonly cause?: unknown
    readonly command: string
    /** As in a result; `undefined` where the command has none. */
    readonly exitCode: number | undefined
    readonly signal: Signal | null
    /** What had come by then. */
    readonly stdout: Output
    /** What had come by then. */
    readonly stderr: Output
    /** What had come by then, with {@link ExecOptions.all}. */
    readonly all?: Output
    /** 0 where the command never began. */
    readonly durationMs: number
    readonly timedOut: boolean
    readonly aborted: boolean
    readonly truncated: boolean
    readonly shellRestarted: boolean
    /** As in a result. */
    readonly limit: 'memory' | 'pids' | 'disk' | null
    readonly usage?: Usage | null
  }

  /** What a shell can be given as words: strings and finite numbers, without NUL; an array is several. */
  export type Quotable = string | number | ReadonlyArray<string | number>

  /**
   * A value as one word of a POSIX shell, that stands for exactly it; an array as several
   * words, an empty one as none.
   *
   * @throws `ERR_INVALID_ARG_VALUE` for anything else, and for a NUL.
   */
  export function quote(value: Quotable): string

  /** A template tag that quotes every value. */
  export type ShellTag<Result> = (command: TemplateStringsArray, ...values: Quotable[]) => Result

  /**
   * Where the engine is, in dockerode's words. `null` and `undefined` count as absent.
   *
   * Without `socketPath`, `host` and `port`, as the environment is when the runner is made:
   * `DOCKER_HOST` (`unix://`, `tcp://`, `https://`,
   * `npipe://`, `ssh://`; with `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`), else the current
   * docker context, else the usual sockets: the system's, rootless Docker's, Docker
   * Desktop's, Colima's, Podman's.
   */
  export interface EngineOptions {
    /** A unix socket's path, or on Windows a named pipe's. Excludes all of the next six. */
    socketPath?: string | null
    /**
     * Name or address, with or without scheme (`tcp`, `http`, `https`, `ssh`, `unix`,
     * `npipe`) and port. An empty one is this machine.
     */
    host?: string | null
    /** 1 to 65,535. By default 2375, with TLS 2376, with ssh ssh's own. */
    port?: number | string | null
    /** `http`, `https` or `ssh`. By default what the host's scheme says, else `http`. */
    protocol?: string | null
    /** The authorities to trust, as PEM text; the machine's by default. Implies `https`. */
    ca?: Pem | null
    /** The client's certificate chain, as PEM text. Needs `key`; implies `https`. */
    cert?: Pem | null
    /** The client's private key, as PEM text. Needs `cert`. */
    key?: Pem | null
    /**
     * The API version to speak, as `1.41` or `v1.41`. By default the newest that both
     * sides know.
     */
    version?: string | null
    /**
     * How long the engine may take to begin an answer, in milliseconds; 60,000 by default,
     * at most 2,147,483,647. Connecting has 10,000 of them at the most. It's no limit for
     * commands.
     */
    timeout?: number | null
  }

  /** The content of a PEM file, not its name. */
  export type Pem = string | Buffer | ReadonlyArray<string | Buffer>

  export interface Docker {
    /**
     * Connects, if that hasn't happened yet, and tells which engine was found.
     *
     * @throws (rejects with) `ERR_ENGINE_UNREACHABLE`; `ERR_INVALID_ARG_VALUE` for options or
     *   an environment that can't be used.
     */
    engine(): Promise<{
      /** As in `DOCKER_HOST`: `unix:///var/run/docker.sock`. */
      endpoint: string
      /** The API version that is spoken, as `1.41`. */
      version: string
    }>
  }

  /** What {@link DockerRunner.prune} did, by the containers' ids. Frozen. */
  export interface Pruned {
    readonly removed: readonly string[]
    /** Left alone: whether their process lives can't be seen from here. */
    readonly unknown: readonly string[]
  }

  export interface Container {
    /** The engine's id of it: 64 hexadecimal digits. */
    readonly id: string
  }

  /** A container by its id or name, or an object that has its `id`. */
  export type ContainerRef = string | { readonly id: string }

  /**
   * A shell's stream. It reads what belongs to no result of `exec()`: the output of
   * `run()`, of jobs in the background, and of what was written to it. What a job prints
   * while an `exec()` of the same shell runs goes into that one's output: both use the same
   * pipe, so the two can't be told apart.
   *
   * A reader that is slow slows the command down, and loses nothing. Without a reader the
   * last 1 MiB is kept; so it is when a reader has taken nothing from a full stream for
   * 1 second. Older output is dropped then, so that no command waits for somebody to read.
   * Whoever begins to read in the turn of the event loop in which he gave the command gets all
   * of it, unless that turn takes more than 1 second.
   *
   * `write()` queues complete lines as commands, with the same events as `run()`; half a
   * line waits for its end. They aren't awaited, and their exit codes are only told by the
   * event `exit`. A `run()` that is to come after several writes waits for the callback of
   * the last. With `Tty: true` writing presses keys instead. When the container, or the
   * session, has ended, a write fails with `ERR_STOPPED`, which is the stream's `error`.
   *
   * `end()` and `destroy()` stop the runner, or close the session. The readable side ends
   * with the container, or the session.
   */
  export interface ContainerStream extends Duplex {
    /** So many bytes of output were dropped, because nobody read them. */
    on(event: 'dropped', listener: (bytes: number) => void): this
    on(event: string | symbol, listener: (...args: any[]) => void): this
    once(event: 'dropped', listener: (bytes: number) => void): this
    once(event: string | symbol, listener: (...args: any[]) => void): this
    off(event: 'dropped', listener: (bytes: number) => void): this
    off(event: string | symbol, listener: (...args: any[]) => void): this
  }

  /** What a shell emits, by name, with its arguments. */
  export interface ShellEvents {
    /** A command begins. */
    start: []
    /** A command has ended with this exit code, `'0'` to `'255'`. Not without a code. */
    exit: [code: string]
    /**
     * The shell was replaced, with the command that has just settled or since the one
     * before it (`exit`, `exec`, `set -e`, a signal, a time limit): variables and functions
     * are lost, files are not. See {@link ExecResult.shellRestarted}.
     */
    'shell:restart': []
  }

  /** What a runner emits, by name, with its arguments. */
  export interface Events extends ShellEvents {
    /** The runner is attached to a container: there is a stream. */
    'container:attach': []
    /** The container runs, and its shell is ready. */
    'container:start': []
    /** The container that was attached has ended, in whatever way. Once a container. */
    'container:stop': []
    /**
     * The container ended without being stopped, or waiting for one failed. Only emitted
     * when somebody listens.
     */
    error: [error: DockerExecError]
    /** A pull goes on. */
    'pull:progress': [progress: PullProgress]
    /** The build of {@link StartOptions.Build} goes on. */
    'build:progress': [progress: BuildProgress]
    /** A command of {@link StartOptions.setup} prints something. */
    'setup:progress': [progress: SetupProgress]
  }

  /** What a session emits, by name, with its arguments. */
  export interface SessionEvents extends ShellEvents {
    /** It has ended, in whatever way. */
    close: []
  }

  /**
   * Another shell in a runner's container, made by {@link DockerRunner.session}. It ends by
   * `close()`, when it is garbage, or with the container.
   */
  export class DockerSession extends Shell<SessionEvents> {
    private constructor()
    /** The runner in whose container this is. */
    readonly runner: DockerRunner
    /** What {@link ContainerStream} says, for this shell. */
    readonly stream: ContainerStream
    /**
     * Ends the session with its commands, which reject with `ERR_STOPPED`, and with all
     * processes that descend from it; the container and its other shells go on. May be
     * called again.
     *
     * @throws (rejects with) engine errors.
     */
    close(): Promise<void>
    /** {@link close}, for `await using`. */
    [Symbol.asyncDispose](): Promise<void>
  }

  /** What a pool is to be. `undefined` counts as absent. */
  export interface PoolOptions {
    /** Runners that are kept ready, 0 to 1,000; 2 by default. */
    size?: number | undefined
    /** Containers at a time, those in use too, 1 to 1,000; by default 10, or `size` if that is more. */
    max?: number | undefined
    /** What each runner is started with. */
    start?: StartOptions | undefined
    /**
     * Commands whose result each runner begins with: as `setup` of `start`, with `cache: true`,
     * so that they run once.
     */
    setup?: readonly string[] | undefined
    /** As `profile` of `start`. */
    profile?: 'default' | 'untrusted' | 'none' | undefined
    /** Where the engine is, as of the runner's constructor. */
    engine?: EngineOptions | undefined
    /** Milliseconds, 1 to 2,147,483,647, after which a runner that nobody took is replaced; never by default. */
    maxAge?: number | undefined
  }

  export interface AcquireOptions {
    /** Milliseconds, 0 to 2,147,483,647, that may pass until there is a runner. */
    timeout?: number | undefined
    /** Ends the wait. */
    signal?: AbortSignal | undefined
  }

  /** How a pool is at the moment. Frozen. */
  export interface PoolMetrics {
    /** All containers: `idle`, `starting` and `acquired`. */
    readonly size: number
    readonly idle: number
    readonly starting: number
    readonly acquired: number
    /** Those who wait for a runner. */
    readonly pending: number
    /** Starts that have failed, so far. */
    readonly failed: number
    /** How long the last 100 have waited for their runner: the mean, in milliseconds. */
    readonly waitMs: number
  }

  /** What a pool emits, by name, with its arguments. */
  export interface PoolEvents {
    /** A runner is ready. */
    start: [runner: DockerRunner]
    /** Somebody has got a runner. */
    acquire: [runner: DockerRunner]
    /** The container of a runner that somebody had got has ended. */
    release: [runner: DockerRunner]
    /** A start has failed, or a container couldn't be removed. Only emitted when somebody listens. */
    error: [error: DockerExecError]
  }

  /**
   * Started runners that nobody has used, ready to be taken: each is given once, and thrown
   * away when its user stops it. Idle runners are looked at every 5 seconds; one whose
   * container has ended, or whose shell doesn't answer within a second, is replaced. After a
   * start that has failed the next begins when somebody waits, or after 100 milliseconds,
   * doubling to 5 seconds. An idle pool doesn't keep a program alive.
   */
  export class DockerPool extends EventEmitter<PoolEvents> {
    /**
     * Begins to start runners at once.
     *
     * @throws `ERR_INVALID_ARG_VALUE`; what is wrong in `start` shows when a runner is started.
     */
    constructor(options?: PoolOptions)

    /**
     * A started runner, for you alone, in the order of the calls; waits while there are
     * `max`. Stop it to give its place back: `await using runner = await pool.acquire()`.
     *
     * @throws (rejects with) `ERR_TIMEOUT` and `ERR_ABORTED` by the options; `ERR_STOPPED` when
     *   the pool is closed or drained; what a start has failed with ({@link DockerRunner.start}),
     *   while it was waited for; `ERR_INVALID_ARG_VALUE`.
     */
    acquire(options?: AcquireOptions): Promise<DockerRunner>

    readonly metrics: PoolMetrics

    /** Gives no new promises; serves those who wait, waits until all runners are back, and closes. */
    drain(): Promise<void>

    /**
     * Stops all runners at once, also those in use; those who wait get `ERR_STOPPED`.
     *
     * @throws (rejects with) as {@link DockerRunner.stop}.
     */
    close(): Promise<void>
    /** {@link close}, for `await using`. */
    [Symbol.asyncDispose](): Promise<void>
  }

  /** What a session is to be. (Engine API, "Create an exec instance".) */
  export interface SessionOptions {
    /** As of {@link StartOptions.Shell}. */
    Shell?: string
    /** Where the shell starts; it has to exist. By default as the container's. */
    WorkingDir?: string | null
    /** Variables beside the container's, as `NAME=value`. */
    Env?: readonly string[] | null
    /** By default the container's. */
    User?: string | null
  }

  export interface WriteFileOptions {
    /** 0 to 0o777; by default what the container's umask leaves of 0o666. */
    mode?: number | undefined
  }

  export interface ReadFileOptions {
    /** `'buffer'` by default. */
    encoding?: BufferEncoding | 'buffer' | undefined
    /** 256 MiB by default. */
    maxBytes?: number | undefined
  }

  /** What may come out of a container. */
  export interface DownloadOptions {
    /** Of all files together; 4 GiB by default. */
    maxBytes?: number | undefined
    /** Files, folders and links; 100,000 by default. */
    maxEntries?: number | undefined
    /** Folders in one another, 1 to 1,000; 64 by default. */
    maxDepth?: number | undefined
  }

  /** Frozen. */
  export interface FileStat {
    readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'character' | 'block'
    /** Bytes. */
    readonly size: number
    /** The permissions, 0 to 0o7777. */
    readonly mode: number
    readonly mtime: Date
    readonly uid: number
    readonly gid: number
  }

  /** What to build an image from: `context`, `dockerfile` or both. */
  export interface BuildOptions {
    /** A folder, by its path or a `file:` URL. */
    context?: string | URL
    /** The text of a Dockerfile; with `context` in the place of that one's. */
    dockerfile?: string
    /** The Dockerfile's path in `context`; `Dockerfile` by default. */
    file?: string
    /** `name` or `name:tag`. */
    tag?: string
    /** For the Dockerfile's `ARG`. */
    args?: Readonly<Record<string, string>>
    /** The stage to build; by default the last. */
    target?: string
    labels?: Readonly<Record<string, string>>
    /** `os[/arch[/variant]]`; by default the engine's own. */
    platform?: string
    /** What `RUN` may reach: `none`, `host`, or a network's name; by default the engine's own. */
    network?: string
    /** Asks the registry for newer base images. */
    pull?: boolean
    /** Does every step anew. */
    noCache?: boolean
  }

  /** How {@link DockerRunner.build} tells, and is told. */
  export interface BuildControl {
    /** One that throws ends the build, which rejects with what it threw. */
    onProgress?: ((progress: BuildProgress) => void) | undefined
    /** Ends the build. */
    signal?: AbortSignal | undefined
  }

  /** A line of the engine's answer to a build. (Engine API, "Build an image".) */
  export interface BuildProgress {
    /** Steps, and what they print. */
    stream?: string
    /** Of a base image's pull: the layer, what happens to it, and how many bytes of it. */
    id?: string
    status?: string
    progressDetail?: { current?: number, total?: number }
  }

  /** What a command of {@link StartOptions.setup} prints, while it comes. */
  export interface SetupProgress {
    command: string
    stream: 'stdout' | 'stderr'
    data: string
  }

  /** How {@link DockerRunner.commit} makes an image. */
  export interface CommitOptions {
    /** `name` or `name:tag`; by default it has only its id. */
    tag?: string
    message?: string
    author?: string
    /** Beside the container's own. */
    labels?: Readonly<Record<string, string>>
  }

  /** Limits in plain words. */
  export interface Limits {
    /** Bytes, or text like `'512m'` or `'2g'`, of memory and swap together. (`Memory`, `MemorySwap`.) */
    memory?: number | string
    /** Processors, with a fraction; at least 0.01. (`NanoCpus`.) */
    cpus?: number
    /** Processes and threads. (`PidsLimit`.) */
    pids?: number
    /**
     * Bytes, or text as of {@link memory}. With profile `untrusted` the size of `/tmp`, which
     * counts as memory too; else of the container's layer (`StorageOpt`), which an engine that
     * can't do so refuses.
     */
    disk?: number | string
  }

  /** How {@link DockerRunner.spawn} is to start a program. */
  export interface SpawnOptions {
    /** By default the container's. It has to exist. */
    cwd?: string | undefined
    /** Variables beside the container's; names of letters, digits and `_`. */
    env?: Readonly<Record<string, string | number>> | undefined
    /** `user`, `uid`, `user:group` or `uid:gid`; by default the container's. */
    user?: string | undefined
    /** In a terminal, of 80 columns and 24 rows or as large as this: output is all on `stdout`. */
    tty?: boolean | { columns: number, rows: number } | undefined
    /** Sends it {@link killSignal}, and an `error` with `ERR_ABORTED` to who listens. */
    signal?: AbortSignal | undefined
    /** Milliseconds, 1 to 2,147,483,647, until it gets {@link killSignal}. */
    timeout?: number | undefined
    /** `SIGTERM` by default. */
    killSignal?: Signal | number | undefined
  }

  /** The events of a {@link ContainerProcess}. */
  export interface ProcessEvents {
    /** It runs, and has its `pid`. */
    spawn: []
    /**
     * It couldn't be started: `ERR_SPAWN_FAILED`, `ERR_NOT_STARTED`, `ERR_STOPPED`,
     * `ERR_ABORTED` or an engine error; then `close` follows, and an `error` that nobody
     * listens to is an uncaught exception. Or, for who listens: it was aborted, a signal
     * couldn't be sent, or it was lost (`ERR_STOPPED`, `ERR_CONTAINER_GONE`,
     * `ERR_CONNECTION_LOST`), so that it has no exit code.
     */
    error: [error: DockerExecError]
    /**
     * It has ended; its streams may still have output. `code` is `null` where it was lost. Where
     * a child of it keeps its output open, the engine tells some 2 seconds later.
     */
    exit: [code: number | null, signal: Signal | null]
    /** It has ended, and so have its streams. */
    close: [code: number | null, signal: Signal | null]
  }

  /**
   * A program that runs in a container.
   *
   * Whoever has begun to read a stream of it loses nothing, and slows it down, on both streams,
   * for as long as he takes. Of a stream that nobody has begun to read, the last 1 MiB is kept
   * (from a second after that was full); `dropped` events say how much went. After `kill()` and
   * `stop()` this holds of every stream.
   *
   * While it runs, it keeps this program alive; it ends with its container at the latest.
   *
   * It's started by way of `/bin/sh`, which gives way to it, and passes on what a POSIX shell
   * does: variables whose names a shell can't have may be lost, `PWD` is set, `IFS` isn't
   * passed on. What that can't execute although it's executable (a wrong format, a missing
   * interpreter) ends with 126 or 127, as in a shell.
   */
  export class ContainerProcess extends EventEmitter<ProcessEvents> {
    private constructor()
    readonly runner: DockerRunner
    readonly spawnfile: string
    /** The program, and its arguments. */
    readonly spawnargs: readonly string[]
    /** Its id, in the container; from `spawn` on. */
    readonly pid: number | undefined
    /**
     * Its exit code, 0 to 255, from the engine; `null` as long as it runs, and where it was
     * lost. One that was killed by a signal has 128 and the signal's number.
     */
    readonly exitCode: number | null
    /** The signal that `exitCode` stands for. */
    readonly signalCode: Signal | null
    /** {@link kill} has returned `true`. */
    readonly killed: boolean
    /**
     * Its input; `end()` is the end of file (in a terminal it types ^D, which is one at the
     * beginning of a line). Once the process takes no more, writing fails with `EPIPE`.
     */
    readonly stdin: Writable
    readonly stdout: OutputStream<Buffer>
    /** With `tty` there is nothing on it. */
    readonly stderr: OutputStream<Buffer>
    readonly stdio: readonly [Writable, OutputStream<Buffer>, OutputStream<Buffer>]

    /**
     * Sends a signal to this process, and to no other. `false` when it has ended.
     *
     * @param signal `SIGTERM` by default.
     * @throws `ERR_INVALID_ARG_VALUE` for what is no signal.
     */
    kill(signal?: Signal | number): boolean

    /**
     * Tells its terminal how large it is: 1 to 65,535 columns and rows. (Engine API,
     * "Resize an exec instance".)
     *
     * @throws (rejects with) `ERR_INVALID_ARG_VALUE`, also where it has no terminal;
     *   `ERR_STOPPED` when it has ended; engine errors.
     */
    resize(columns: number, rows: number): Promise<void>

    /** Has this program stay alive until it ends, as at first. */
    ref(): void
    /** Lets this program end while it runs; its container ends then too. */
    unref(): void

    /** Kills it, if it runs, and waits for its `close`, for `await using`. */
    [Symbol.asyncDispose](): Promise<void>
  }

  /** A line of the engine's answer to a pull. (Engine API, "Create an image".) */
  export interface PullProgress {
    /** The layer, or the tag. */
    id?: string
    /** `Pulling from library/ubuntu`, `Downloading`, `Pull complete`, … */
    status?: string
    /** In bytes, of the layer. */
    progressDetail?: { current?: number, total?: number }
  }

  /** `undefined` counts as absent; an option that isn't listed here is refused. */
  export interface ExecOptions {
    /**
     * Ends the command when it has run for so many milliseconds, 1 to 2,147,483,647; what
     * it waits in the queue doesn't count. No limit by default.
     *
     * It is ended from outside its shell: its processes get {@link killSignal}, and after
     * {@link killGrace} SIGKILL. Where that doesn't help, its shell is killed and replaced;
     * the last resort is the end of the container. Jobs of earlier commands are left alone.
     */
    timeout?: number | undefined
    /**
     * Ends the command in the same way when it is aborted; one that hasn't begun never
     * will.
     */
    signal?: AbortSignal | undefined
    /** The first signal. `SIGTERM` by default. */
    killSignal?: Signal | number | undefined
    /** From the first signal to SIGKILL, in milliseconds, 0 to 2,147,483,647; 5,000 by default. */
    killGrace?: number | undefined
    /**
     * The command's stdin, streamed as the command reads it; without it stdin is empty, with
     * `Tty: true` the terminal. What the command leaves unread is dropped.
     */
    input?: ExecInput | undefined
    /**
     * The directory of this command. It runs in a subshell then: what it changes in the
     * shell (variables, directory) is gone after it. A directory that can't be entered is
     * exit code 126.
     */
    cwd?: string | undefined
    /** Variables of this command, exported; their names are letters, digits and _. In a subshell, as with {@link cwd}. */
    env?: Readonly<Record<string, string | number>> | undefined
    /** What the output is decoded by; `'buffer'` leaves it as bytes. `'utf8'` by default. */
    encoding?: BufferEncoding | 'buffer' | undefined
    /** Also give both outputs as one, `all`, in the order of their coming. `false` by default. */
    all?: boolean | undefined
    /** What is kept of stdout, of stderr, and of `all`, in bytes: 16 MiB by default, at most 4,294,967,295. */
    maxBuffer?: number | undefined
    /**
     * What happens when stdout or stderr is longer than {@link maxBuffer}: `'error'`, the
     * default, ends the command; `'head'` keeps the first bytes and `'tail'` the last, and
     * the command goes on. In each case `truncated` says so.
     */
    overflow?: 'error' | 'head' | 'tail' | undefined
    /**
     * `false` resolves with the result of every command that has an exit code, whatever
     * that is, and however the command ended; only a failed {@link input} rejects all the
     * same. `true` by default.
     */
    reject?: boolean | undefined
    /**
     * Measure what the container uses meanwhile ({@link ExecResult.usage}): two more round
     * trips. `false` by default.
     */
    usage?: boolean | undefined
  }

  /** What a command can read: text (UTF-8), bytes, a `Readable`, or pieces of these, one by one. */
  export type ExecInput =
    | string
    | NodeJS.ArrayBufferView
    | Iterable<string | NodeJS.ArrayBufferView>
    | AsyncIterable<string | NodeJS.ArrayBufferView>

  /** Linux's signals: a container's, whatever the program runs on. */
  export type Signal =
    | 'SIGHUP' | 'SIGINT' | 'SIGQUIT' | 'SIGILL' | 'SIGTRAP' | 'SIGABRT' | 'SIGBUS' | 'SIGFPE'
    | 'SIGKILL' | 'SIGUSR1' | 'SIGSEGV' | 'SIGUSR2' | 'SIGPIPE' | 'SIGALRM' | 'SIGTERM'
    | 'SIGSTKFLT' | 'SIGCHLD' | 'SIGCONT' | 'SIGSTOP' | 'SIGTSTP' | 'SIGTTIN' | 'SIGTTOU'
    | 'SIGURG' | 'SIGXCPU' | 'SIGXFSZ' | 'SIGVTALRM' | 'SIGPROF' | 'SIGWINCH' | 'SIGIO'
    | 'SIGPWR' | 'SIGSYS'

  /** How a command ended. Frozen. */
  export interface ExecResult<Output extends string | Buffer = string> {
    /** The command, as it was given. */
    readonly command: string
    /** 0 to 255, by the shell's rule: 128 + n after signal n. */
    readonly exitCode: number
    /** The signal that the exit code stands for by that rule; else `null`. */
    readonly signal: Signal | null
    /** What it printed there; with `Tty: true` all that the terminal showed. */
    readonly stdout: Output
    /** What it printed there; with `Tty: true` nothing. */
    readonly stderr: Output
    /** Both, in the order of their coming; only with {@link ExecOptions.all}. */
    readonly all?: Output
    /** From its beginning to its end, in milliseconds, with a fraction. */
    readonly durationMs: number
    /** It was ended because its `timeout` had passed. */
    readonly timedOut: boolean
    /** It was ended by its `signal`, or because its `input` failed. */
    readonly aborted: boolean
    /** More was printed than {@link ExecOptions.maxBuffer}, on either stream. */
    readonly truncated: boolean
    /**
     * The shell was replaced, with this command or since the one before it: variables and
     * functions are lost, files are not. With `timeout` or `signal` the fresh shell has the
     * directory and the exported variables that the shell had before the command.
     */
    readonly shellRestarted: boolean
    /**
     * The limit of the container that it seems to have failed by, where it failed: `memory`
     * (a process was killed, since there was none left) and `pids` (one couldn't be started)
     * as the kernel has counted since the last command that failed, in the whole container;
     * `disk` where the command's stderr says that no space was left. `null` where none is
     * known, as in a terminal, or with `set -x`.
     */
    readonly limit: 'memory' | 'pids' | 'disk' | null
    /**
     * Only with {@link ExecOptions.usage}; `null` where the shell can't read it in
     * `/sys/fs/cgroup`, or has ended with the command, or shows what it executes (`set -x`).
     */
    readonly usage?: Usage | null
  }

  /**
   * What a container has used: all of it, so also other sessions and jobs.
   */
  export interface Usage {
    /** Milliseconds of all processors together, between the command's beginning and its end. */
    readonly cpuMs: number
    /**
     * The most memory at a time, in bytes, of the container's whole life up to the command's
     * end, cached files included, as its limit counts it; `null` where it isn't known.
     */
    readonly memoryPeak: number | null
  }

  /** With `all: true`. */
  export interface ExecResultWithAll<Output extends string | Buffer = string> extends ExecResult<Output> {
    readonly all: Output
  }

  /**
   * One output of a command, while it comes. By the rule of {@link ContainerStream}: a slow
   * reader slows the command down and loses nothing; of what nobody reads the last 1 MiB is
   * kept. A reader that is always busy leaves the event loop a turn after each 512 KiB. The memory
   * of a Buffer of 16 KiB or more can't be transferred to a worker, only copied. The result is
   * complete in any case; a stream that's first asked for when a command
   * without options has ended holds what its result has.
   */
  export interface OutputStream<Output extends string | Buffer = string> extends Readable {
    [Symbol.asyncIterator](): NodeJS.AsyncIterator<Output>
    /** So many bytes of output were dropped, because nobody read them. */
    on(event: 'dropped', listener: (bytes: number) => void): this
    on(event: 'data', listener: (piece: Output) => void): this
    on(event: string | symbol, listener: (...args: any[]) => void): this
    once(event: 'dropped', listener: (bytes: number) => void): this
    once(event: 'data', listener: (piece: Output) => void): this
    once(event: string | symbol, listener: (...args: any[]) => void): this
    off(event: 'dropped', listener: (bytes: number) => void): this
    off(event: 'data', listener: (piece: Output) => void): this
    off(event: string | symbol, listener: (...args: any[]) => void): this
  }

  /** A promise of a command's result, and the command while it runs. */
  export interface ExecPromise<
    Output extends string | Buffer = string,
    Result extends ExecResult<Output> = ExecResult<Output>
  > extends Promise<Result> {
    /** Its stdout, decoded as the result is. */
    readonly stdout: OutputStream<Output>
    /** Its stderr, decoded as the result is. */
    readonly stderr: OutputStream<Output>
    /**
     * Sends one signal to the command's processes; where it has none, to its shell. Says
     * whether that was still possible; it sends nothing else, and doesn't wait. One that
     * waits for its turn gets it when it begins.
     *
     * @param signal `SIGTERM` by default.
     * @throws `ERR_INVALID_ARG_VALUE` for no signal of Linux's.
     */
    kill(signal?: Signal | number): boolean
    /**
     * The lines of one of its streams, `stdout` by default, without their ends, while they
     * come. In the end it throws what the promise rejects with, if it does. Leaving the loop
     * early doesn't end the command.
     *
     * @throws `ERR_INVALID_ARG_VALUE` for another stream.
     */
    lines(stream?: 'stdout' | 'stderr'): AsyncGenerator<string, void, undefined>
    /** The pieces of both streams, while they come; with the same end as {@link lines}. */
    chunks(): AsyncGenerator<{ stream: 'stdout' | 'stderr', data: Output }, void, undefined>
    /** The lines of stdout. */
    [Symbol.asyncIterator](): AsyncGenerator<string, void, undefined>
  }

  /**
   * What the container is to be: the fields of the Engine API's "Create a container", in
   * its spelling, and some of our own (`Shell`, `Tty`, `name`, `platform`, `pull`). Types
   * are checked before anything is asked of the engine, and an option that isn't listed
   * here is refused. `null` and `undefined` count as absent.
   *
   * Not yours to set, because the session needs them as they are: `Cmd`, `Entrypoint`,
   * `OpenStdin`, `StdinOnce`, `AttachStdin`, `AttachStdout`, `AttachStderr`,
   * `Healthcheck`, `HostConfig.AutoRemove` and `HostConfig.Init`.
   */
  export interface StartOptions {
    /** The image; `ubuntu:24.04` by default. Its ENTRYPOINT and HEALTHCHECK don't run. */
    Image?: string | null
    /**
     * What to build the image from, instead of `Image`, each time; what hasn't changed comes
     * from the engine's cache. Emits `build:progress`.
     */
    Build?: BuildOptions | null
    /**
     * Commands that make the container ready, run one after the other in a shell of their own;
     * one that fails makes the start fail with `ERR_SETUP_FAILED`. Emits `setup:progress`.
     *
     * Without {@link cache} they run in the container itself, each time, {@link reset} too.
     */
    setup?: readonly string[] | null
    /**
     * Runs {@link setup} only once, and keeps its image, which is called
     * `docker-exec-napi/setup` and has the label `docker-exec-napi.setup`; later starts, of
     * other programs too, begin with that. What counts are the id of the base image, the
     * commands, `Env` and `Shell`. It's done in a container of its own: as the image's user, in
     * its directory, with `Env` in the shell's environment (names that a shell can have), with
     * `HostConfig`, `NetworkingConfig`, `Binds` and `VolumesFrom`, but without `limits`, and
     * with profile `default` also for `untrusted`. Only files are kept. `false` by default.
     */
    cache?: boolean | null
    /** Paths in the container that get an anonymous volume, which goes with it. */
    Volumes?: Record<string, {}> | null
    /** Containers whose volumes are mounted, added to `HostConfig.VolumesFrom`. `''` is none. */
    VolumesFrom?: string | readonly string[] | null
    /** `host-path:container-path[:options]`, added to `HostConfig.Binds`. */
    Binds?: readonly string[] | null

    /**
     * The shell: a name or a path in the container. It has to be a POSIX shell. By default
     * bash where the image has it, else `/bin/sh`.
     */
    Shell?: string | null
    /**
     * The commands run in a terminal: output has the prompt and the echo in it, stdout and
     * stderr are one, stdin is the terminal's. `false` by default.
     */
    Tty?: boolean | null
    /** The container's name; by default `docker-exec-` and a UUID. */
    name?: string | null
    /** `os[/arch[/variant]]` of the image; by default the engine's own. */
    platform?: string | null
    /**
     * How far the container is shut off; `default` by default.
     *
     * - `default`: five capabilities, which are what `apt-get install` needs,
     *   `no-new-privileges`, 1,024 processes and threads, 16,384 open files in each.
     * - `untrusted`: no capabilities, no network, a read-only root with 64 MiB of `/tmp`, the
     *   user 65534:65534, 256 MiB of memory, one processor, 64 processes and threads, 1,024 open
     *   files. What would undo it is refused with `ERR_INVALID_ARG_VALUE`.
     * - `none`: the engine's own defaults.
     *
     * {@link limits} go before it, and what you set yourself goes before both.
     */
    profile?: 'default' | 'untrusted' | 'none' | null
    /** What the container may use. */
    limits?: Limits | null
    /** When to pull the image: `missing` by default, which is when the engine lacks it. */
    pull?: 'missing' | 'always' | 'never' | null

    /** Variables, as `NAME=value`. */
    Env?: readonly string[] | null
    /** `user`, `uid`, `user:group` or `uid:gid`; by default what the image says. */
    User?: string | null
    /** Where the shell starts; it's made where it's missing. By default what the image says. */
    WorkingDir?: string | null
    /** Labels; `docker-exec-napi.version` and `docker-exec-napi.hello` are added. */
    Labels?: Record<string, string> | null
    /** By default the first 12 digits of the container's id. */
    Hostname?: string | null
    Domainname?: string | null
    /** `port/tcp`, `port/udp` or `port/sctp`, each with `{}`. */
    ExposedPorts?: Record<string, {}> | null
    /** No network but loopback. */
    NetworkDisabled?: boolean | null
    /** The signal of the Engine API's stop, which this package doesn't use. */
    StopSignal?: string | null
    /** The seconds of the Engine API's stop, which this package doesn't use. */
    StopTimeout?: number | null
    /** Of no effect on Linux. */
    ArgsEscaped?: boolean | null
    /** Of no effect on a container. */
    OnBuild?: readonly string[] | null
    HostConfig?: HostConfig | null
    NetworkingConfig?: {
      /** By the network's name or id. */
      EndpointsConfig?: Record<string, EndpointSettings> | null
    } | null
  }

  /**
   * The container's resources and rights: `HostConfig` of the Engine API's "Create a
   * container". A field that is given replaces our default for that field.
   */
  export interface HostConfig {
    /** `host-path:container-path[:options]` or `volume:container-path[:options]`. */
    Binds?: readonly string[] | null
    Mounts?: readonly Mount[] | null
    /** Paths with a tmpfs, and its options: `{ '/scratch': 'size=64m,exec' }`. */
    Tmpfs?: Record<string, string> | null
    VolumesFrom?: readonly string[] | null
    VolumeDriver?: string | null

    /** Bytes; 0 or absent is no limit. */
    Memory?: number | null
    /** Bytes. */
    MemoryReservation?: number | null
    /** Memory and swap together, in bytes; -1 is no limit. */
    MemorySwap?: number | null
    /** 0 to 100. */
    MemorySwappiness?: number | null
    OomKillDisable?: boolean | null
    /** -1000 to 1000. */
    OomScoreAdj?: number | null
    /** Billionths of a CPU: 1.5 CPUs are 1,500,000,000. */
    NanoCpus?: number | null
    /** A weight relative to other containers. */
    CpuShares?: number | null
    /** Microseconds. */
    CpuPeriod?: number | null
    /** Microseconds in each period. */
    CpuQuota?: number | null
    /** Microseconds. */
    CpuRealtimePeriod?: number | null
    /** Microseconds. */
    CpuRealtimeRuntime?: number | null
    /** As `0-3` or `0,1`. */
    CpusetCpus?: string | null
    CpusetMems?: string | null
    /** Processes and threads; 1,024 by default, 0 or -1 for no limit. */
    PidsLimit?: number | null
    /** By default `nofile` with 16,384, soft and hard. */
    Ulimits?: ReadonlyArray<{ Name: string, Soft: number, Hard: number }> | null
    /** Bytes of `/dev/shm`. */
    ShmSize?: number | null
    /** 0, or 10 to 1,000. */
    BlkioWeight?: number | null
    BlkioWeightDevice?: ReadonlyArray<{ Path: string, Weight: number }> | null
    /** Bytes a second. */
    BlkioDeviceReadBps?: readonly ThrottleDevice[] | null
    /** Bytes a second. */
    BlkioDeviceWriteBps?: readonly ThrottleDevice[] | null
    /** Operations a second. */
    BlkioDeviceReadIOps?: readonly ThrottleDevice[] | null
    /** Operations a second. */
    BlkioDeviceWriteIOps?: readonly ThrottleDevice[] | null
    /** For example `{ size: '10G' }`, where the storage driver can do it. */
    StorageOpt?: Record<string, string> | null

    /** By default what `apt-get install` needs: CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID. */
    CapAdd?: readonly string[] | null
    /** By default ALL. */
    CapDrop?: readonly string[] | null
    /** By default `no-new-privileges`. */
    SecurityOpt?: readonly string[] | null
    /** All rights on the host; our defaults for capabilities and SecurityOpt don't apply then. */
    Privileged?: boolean | null
    ReadonlyRootfs?: boolean | null
    /** Further groups of the user, by name or id. */
    GroupAdd?: readonly string[] | null
    UsernsMode?: string | null
    /** `''`, `host` or `container:<name>`. */
    PidMode?: string | null
    IpcMode?: string | null
    UTSMode?: string | null
    CgroupnsMode?: 'private' | 'host' | null
    Cgroup?: string | null
    CgroupParent?: string | null
    MaskedPaths?: readonly string[] | null
    ReadonlyPaths?: readonly string[] | null
    Sysctls?: Record<string, string> | null
    Devices?: ReadonlyArray<{ PathOnHost: string, PathInContainer: string, CgroupPermissions: string }> | null
    DeviceCgroupRules?: readonly string[] | null
    DeviceRequests?: readonly DeviceRequest[] | null
    /** As `runc`, or another that the engine is configured with. */
    Runtime?: string | null
    Isolation?: 'default' | 'process' | 'hyperv' | null

    /** `bridge`, `host`, `none`, `container:<name>` or a network's name. */
    NetworkMode?: string | null
    /** DNS servers; by default the engine's own choice. */
    Dns?: readonly string[] | null
    DnsOptions?: readonly string[] | null
    DnsSearch?: readonly string[] | null
    /** `name:address`. */
    ExtraHosts?: readonly string[] | null
    Links?: readonly string[] | null
    /** By `port/protocol`, as in `ExposedPorts`. */
    PortBindings?: Record<string, ReadonlyArray<{ HostIp?: string, HostPort?: string }> | null> | null
    PublishAllPorts?: boolean | null

    /** By default `{ Type: 'none' }`: the engine keeps no copy of the output on its disk. */
    LogConfig?: { Type: string, Config?: Record<string, string> | null } | null
    /** The engine refuses any but `no`, since the container is removed when it ends. */
    RestartPolicy?: { Name: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure', MaximumRetryCount?: number } | null
    ContainerIDFile?: string | null
    Annotations?: Record<string, string> | null
    /** Height and width; of no effect here: see {@link DockerRunner.resize}. */
    ConsoleSize?: readonly [number, number] | null
    /** Windows only. */
    CpuCount?: number | null
    /** Windows only. */
    CpuPercent?: number | null
    /** Windows only. */
    IOMaximumIOps?: number | null
    /** Windows only. */
    IOMaximumBandwidth?: number | null
  }

  export interface Mount {
    /** In the container. */
    Target: string
    /** A path on the host, or a volume's name. */
    Source?: string
    Type: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image'
    ReadOnly?: boolean
    Consistency?: string
    BindOptions?: {
      Propagation?: 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave'
      NonRecursive?: boolean
      CreateMountpoint?: boolean
      ReadOnlyNonRecursive?: boolean
      ReadOnlyForceRecursive?: boolean
    }
    VolumeOptions?: {
      NoCopy?: boolean
      Labels?: Record<string, string>
      DriverConfig?: { Name?: string, Options?: Record<string, string> }
      Subpath?: string
    }
    ImageOptions?: { Subpath?: string }
    TmpfsOptions?: {
      SizeBytes?: number
      /** As a number: 0o1777. */
      Mode?: number
      Options?: ReadonlyArray<readonly string[]>
    }
  }

  export interface ThrottleDevice {
    Path: string
    Rate: number
  }

  export interface DeviceRequest {
    Driver?: string
    /** -1 for all. */
    Count?: number
    DeviceIDs?: readonly string[]
    Capabilities?: ReadonlyArray<readonly string[]>
    Options?: Record<string, string>
  }

  /** A container's place in one network. */
  export interface EndpointSettings {
    IPAMConfig?: { IPv4Address?: string, IPv6Address?: string, LinkLocalIPs?: readonly string[] } | null
    Links?: readonly string[] | null
    Aliases?: readonly string[] | null
    MacAddress?: string | null
    DriverOpts?: Record<string, string> | null
    /** The highest decides which network has the default route. */
    GwPriority?: number | null
    NetworkID?: string | null
  }
}

export = DockerRunner
