/// <reference types="node" />

import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'

/**
 * A shell that you can await, inside a container that you can throw away: a drop-in
 * successor of docker-exec 0.3.0.
 *
 * One runner has at most one container at a time, with one shell in it. Commands run one
 * at a time, in the order of the calls, and each settles. Directory, variables, functions
 * and options of the shell stay from one command to the next.
 *
 * Whatever goes wrong rejects (or, in the constructor, throws) with a
 * {@link DockerRunner.DockerExecError}, whose `code` says what it is. An exit code other
 * than 0 is no error: see {@link run} and {@link exec}.
 *
 * The container goes when the runner is stopped, is garbage, or its process ends, in
 * whatever way. An idle runner doesn't keep a program alive; a command under way does.
 */
declare class DockerRunner extends EventEmitter<DockerRunner.Events> {
  /**
   * Connects to nothing yet: the first call that needs the engine does.
   *
   * @param options Where the engine is; without, the environment says
   *   ({@link DockerRunner.EngineOptions}).
   * @throws `ERR_INVALID_ARG_VALUE` for an unknown option or a wrong type. What shows only
   *   when the options are taken together rejects the first call that needs the engine.
   */
  constructor(options?: DockerRunner.EngineOptions | null)

  /** The engine. (In docker-exec this was a dockerode client; here it isn't.) */
  readonly docker: DockerRunner.Docker

  /** The container that was created last, also after its end; `null` before the first. */
  readonly container: DockerRunner.Container | null

  /** The stream of that container; `null` until it is attached. */
  readonly stream: DockerRunner.ContainerStream | null

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
   *   `ERR_IMAGE_NOT_FOUND`, `ERR_PULL_FAILED`, `ERR_IMAGE_UNSUITABLE`: see
   *   {@link DockerRunner.ErrorCode};
   *   `ERR_ENGINE_UNREACHABLE`, `ERR_ENGINE_TIMEOUT`, `ERR_ENGINE_RESPONSE`,
   *   `ERR_ENGINE_PROTOCOL`, `ERR_CONNECTION_LOST`, `ERR_CONTAINER_GONE`.
   */
  start(options?: DockerRunner.StartOptions | null): Promise<DockerRunner.ContainerStream>

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
   *   `ERR_STOPPED`: the runner was stopped before the command's end;
   *   `ERR_CONTAINER_GONE`: the container ended with or under the command;
   *   `ERR_CONNECTION_LOST`, `ERR_ENGINE_PROTOCOL`, `ERR_ENGINE_TIMEOUT`: and the container
   *   ends;
   *   `ERR_SHELL_RESTARTED`: the command left its shell stopped or deaf, so that there is
   *   no exit code; a fresh shell stands ready.
   */
  run(command: string): Promise<0>

  /**
   * Runs a command in the same shell, in the same queue as {@link run}, and gives its
   * output with its exit code. Any exit code resolves.
   *
   * @throws (rejects with) the same as {@link run}, but never with a number.
   */
  exec(command: string, options: DockerRunner.ExecOptions & { encoding: 'buffer' }): Promise<DockerRunner.ExecResult<Buffer>>
  exec(command: string, options?: DockerRunner.ExecOptions & { encoding?: BufferEncoding }): Promise<DockerRunner.ExecResult<string>>
  exec(command: string, options?: DockerRunner.ExecOptions): Promise<DockerRunner.ExecResult<string | Buffer>>

  /**
   * Kills the container and removes it, with its anonymous volumes; resolves when it is
   * gone. Commands that run or wait, and a start under way, reject with `ERR_STOPPED`.
   * In every other state it resolves too, and changes nothing.
   *
   * @throws (rejects with) `ERR_ENGINE_TIMEOUT`, `ERR_ENGINE_RESPONSE`,
   *   `ERR_ENGINE_UNREACHABLE` or `ERR_CONNECTION_LOST` when the engine can't be asked to
   *   remove the container.
   */
  stop(): Promise<void>

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
   * - `ERR_IMAGE_UNSUITABLE`: the image lacks what a session needs: a POSIX `/bin/sh`,
   *   `cat`, and the shell that was asked for.
   * - `ERR_CONTAINER_GONE`: the container ended.
   * - `ERR_CONNECTION_LOST`: the connection broke; the container ends with it.
   * - `ERR_SHELL_RESTARTED`: the command left its shell stopped or deaf, so its exit code
   *   is unknown. A fresh shell stands ready: directory and variables are lost, files
   *   are not.
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
    | 'ERR_IMAGE_UNSUITABLE'
    | 'ERR_CONTAINER_GONE'
    | 'ERR_CONNECTION_LOST'
    | 'ERR_SHELL_RESTARTED'

  /** Everything that this package rejects with or throws, but for exit codes. */
  export class DockerExecError extends Error {
    private constructor()
    readonly name: 'DockerExecError'
    /** What it is. `message` says what happened, to what, and what to do. */
    readonly code: ErrorCode
    /** The HTTP status of the engine's answer, with `ERR_ENGINE_RESPONSE`. */
    readonly status?: number
  }

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

  export interface Container {
    /** The engine's id of it: 64 hexadecimal digits. */
    readonly id: string
  }

  /** A container by its id or name, or an object that has its `id`. */
  export type ContainerRef = string | { readonly id: string }

  /**
   * A container's stream. It reads what belongs to no result of `exec()`: the output of
   * `run()`, of jobs in the background, and of what was written to it.
   *
   * A reader that is slow slows the command down, and loses nothing. Without a reader the
   * last 1 MiB is kept; so it is when a reader has taken nothing from a full stream for
   * 1 second. Older output is dropped then, so that no command waits for somebody to read.
   *
   * `write()` runs complete lines as commands, in the order of the writes, with the same
   * events as `run()`; half a line waits for its end. A `run()` that is to come after them
   * waits for the write's callback. With `Tty: true` writing presses keys instead.
   * `end()` and `destroy()` stop the runner. The readable side ends with the container.
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

  /** What a runner emits, by name, with its arguments. */
  export interface Events {
    /** The runner is attached to a container: there is a stream. */
    'container:attach': []
    /** The container runs, and its shell is ready. */
    'container:start': []
    /** The container that was attached has ended, in whatever way. Once a container. */
    'container:stop': []
    /** A command begins. */
    start: []
    /** A command has ended with this exit code, `'0'` to `'255'`. Not without a code. */
    exit: [code: string]
    /**
     * The container ended without being stopped, or waiting for one failed. Only emitted
     * when somebody listens.
     */
    error: [error: DockerExecError]
    /** A pull goes on. */
    'pull:progress': [progress: PullProgress]
    /**
     * The command that has just ended took its shell with it (`exit`, `exec`, `set -e`, a
     * signal): directory and variables are lost, files are not.
     */
    'shell:restart': []
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

  export interface ExecOptions {
    /**
     * What is kept of stdout, and of stderr, in bytes: 16 MiB by default, at most
     * 4,294,967,295. The first bytes stay; what comes after is dropped, and `truncated`
     * says so. The command goes on in any case.
     */
    maxBuffer?: number
    /** What the output is decoded by; `'buffer'` leaves it as bytes. `'utf8'` by default. */
    encoding?: BufferEncoding | 'buffer'
  }

  /** How a command ended. */
  export interface ExecResult<Output = string> {
    /** The command, as it was given. */
    command: string
    /** 0 to 255, by the shell's rule: 128 + n after signal n. */
    exitCode: number
    /** What it printed there; with `Tty: true` all that the terminal showed. */
    stdout: Output
    /** What it printed there; with `Tty: true` nothing. */
    stderr: Output
    /** More was printed than {@link ExecOptions.maxBuffer}, on either stream. */
    truncated: boolean
    /** The command ended its shell: directory and variables are lost, files are not. */
    shellRestarted: boolean
  }

  /**
   * What the container is to be: the fields of the Engine API's "Create a container", in
   * its spelling, and some of our own (`Shell`, `Tty`, `name`, `platform`, `pull`). Types
   * are checked before anything is asked of the engine, and an option that isn't listed
   * here is refused. `null` and `undefined` count as absent.
   *
   * Not yours to set, because the session needs them as they are: `Cmd`, `Entrypoint`,
   * `OpenStdin`, `StdinOnce`, `AttachStdin`, `AttachStdout`, `AttachStderr`,
   * `HostConfig.AutoRemove` and `HostConfig.Init`. `Healthcheck` has no effect.
   */
  export interface StartOptions {
    /** The image; `ubuntu:24.04` by default. Its ENTRYPOINT and HEALTHCHECK don't run. */
    Image?: string | null
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
    /** When to pull the image: `missing` by default, which is when the engine lacks it. */
    pull?: 'missing' | 'always' | 'never' | null

    /** Variables, as `NAME=value`. */
    Env?: readonly string[] | null
    /** `user`, `uid`, `user:group` or `uid:gid`; by default what the image says. */
    User?: string | null
    /** Where the shell starts; it's made where it's missing. By default what the image says. */
    WorkingDir?: string | null
    /** Labels; `docker-exec-napi.version` is added. */
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
