"""Starting and stopping the gateway: one process, or several that a parent watches over.

The parent binds the sockets, puts the data folder in order, and then only forks and waits. A worker
that dies is started again; the listening sockets stay open meanwhile, so callers wait instead of
being refused.
"""

import ctypes
import gc
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from socket import socket
from typing import Final

from hilum.dicom import dictionary
from hilum.kernel.errors import HilumError, Misconfigured
from hilum.service.closed import remedy_for
from hilum.service.config_settings import Config
from hilum.service.events import GatewayStopped, WorkerDied, WorkerFailed, WorkerStalled
from hilum.service.notify import Systemd
from hilum.service.opening import DataFolder, open_house
from hilum.service.pulse import (
    PULSE_SECONDS,
    SILENT_LOOKS_MAX,
    TRACE_SIGNAL,
    Pulse,
    Pulses,
    let_trace,
)
from hilum.service.sharing import forget_worker, prepare_directory
from hilum.service.sockets import Sockets
from hilum.service.telemetry import LiveTelemetry, live_telemetry
from hilum.service.tenancy import occupied
from hilum.service.web import cannot_listen
from hilum.service.web import listen as listen_for_web
from hilum.service.worker import Reread, work
from hilum.service.workers.bells import Bells
from hilum.sources.dimse.channel import listen
from hilum.vault.inventory import drop_drafts_of

# prctl(2) of Linux, which Python has no name for.
_PR_SET_PDEATHSIG: Final = 1
# Back-off of a worker that dies again and again.
_RESTART_SECONDS_MIN: Final = 0.2
_RESTART_SECONDS_MAX: Final = 30.0
# A worker that ran so long had a good start: the next death counts as the first.
_GOOD_RUN_SECONDS: Final = 60.0


def serve(config: Config, *, reread: Reread) -> None:
    """Run the gateway until it is told to stop.

    Raises:
        Misconfigured: it cannot begin, and the message says what to change.
    """
    # What we keep is patient data: for us and our group, whatever the caller's mask.
    os.umask(0o027)
    # Kept until a worker can read the configuration again (see `worker`).
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    _raise_descriptor_limit()
    folder = DataFolder(config.gateway.data)
    with occupied(folder):
        sockets = _bind(config)
        if config.gateway.workers == 1:
            _serve_alone(config, folder, sockets, reread)
        else:
            _Parent(config, folder, sockets, reread).run()


def _serve_alone(config: Config, folder: DataFolder, sockets: Sockets, reread: Reread) -> None:
    with live_telemetry(config.log) as telemetry:
        _prepare(config, folder, telemetry)
        work(config, folder, telemetry, sockets, reread=reread, systemd=Systemd())
        folder.end_run()
        telemetry.emit(GatewayStopped())


def _prepare(config: Config, folder: DataFolder, telemetry: LiveTelemetry) -> None:
    # Now, once for all workers: else the first instance in implicit VR would stop the loop for it,
    # and leave holes of some megabytes in the memory of each.
    dictionary.sequence_tags()
    try:
        open_house(folder, config, telemetry)
    except OSError as error:
        raise Misconfigured(
            f"gateway.data: {folder.root} cannot be used: {error.strerror}. "
            f"{remedy_for(folder.root, error)}"
        ) from error


class _Parent:
    """Watches over worker processes."""

    def __init__(
        self, config: Config, folder: DataFolder, sockets: Sockets, reread: Reread
    ) -> None:
        self._config = config
        self._folder = folder
        self._sockets = sockets
        self._reread = reread
        self._shared = folder.run / "metrics"
        self._workers: dict[int, tuple[int, float]] = {}
        self._pulses = Pulses(config.gateway.workers)
        self._waits = dict.fromkeys(range(1, config.gateway.workers + 1), 0.0)
        self._is_stopping = False
        self._is_behind = False  # the workers have a configuration that is newer than ours

    def run(self) -> None:
        prepare_directory(self._shared)
        # Signals are taken by sigwait below; a forked worker lets them through again.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        systemd = Systemd()
        with live_telemetry(self._config.log, worker=0, share_in=self._shared) as telemetry:
            _prepare(self._config, self._folder, telemetry)
            gc.freeze()  # who looks for cycles in a worker copies none of our memory
            for number in self._waits:
                self._start(number)
            systemd.ready()
            self._watch(telemetry, systemd)
            self._folder.end_run()
            telemetry.emit(GatewayStopped())

    def _watch(self, telemetry: LiveTelemetry, systemd: Systemd) -> None:
        seconds = min(systemd.watchdog_seconds() or PULSE_SECONDS, PULSE_SECONDS)
        next_look = time.monotonic() + PULSE_SECONDS
        while self._workers:
            systemd.alive()
            received = signal.sigtimedwait(_SIGNALS, seconds)
            if time.monotonic() >= next_look and not self._is_stopping:
                next_look = time.monotonic() + PULSE_SECONDS
                self._look(telemetry)
            match received.si_signo if received is not None else None:
                case None:
                    continue
                case signal.SIGCHLD:
                    self._bury(telemetry)
                case signal.SIGHUP:
                    self._is_behind = True
                    self._tell(signal.SIGHUP)
                case _:
                    self._is_stopping = True
                    systemd.stopping()
                    self._tell(signal.SIGTERM)

    def _look(self, telemetry: LiveTelemetry) -> None:
        """End workers whose loop does not turn any more; their death has them started again."""
        for pid, (number, _) in self._workers.items():
            looks = self._pulses.looks_without(number)
            with suppress(ProcessLookupError):
                if looks == SILENT_LOOKS_MAX:
                    os.kill(pid, TRACE_SIGNAL)
                elif looks == SILENT_LOOKS_MAX + 1:  # once: the system keeps it for one that sleeps
                    telemetry.emit(WorkerStalled(number, looks * PULSE_SECONDS))
                    os.kill(pid, signal.SIGKILL)

    def _bury(self, telemetry: LiveTelemetry) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is None or self._is_stopping:
                # Not a worker: as process 1 of a container we inherit everybody's orphans.
                continue
            number, began = worker
            drop_drafts_of(self._folder.vault, pid)
            self._start_again(number, began, _how(status), telemetry)

    def _start_again(self, number: int, began: float, how: str, telemetry: LiveTelemetry) -> None:
        is_first = time.monotonic() - began > _GOOD_RUN_SECONDS
        before = 0.0 if is_first else self._waits[number]
        wait = min(max(_RESTART_SECONDS_MIN, before * 2), _RESTART_SECONDS_MAX)
        self._waits[number] = wait
        telemetry.emit(WorkerDied(number, how, wait))
        self._start(number, after_seconds=wait)

    def _start(self, number: int, *, after_seconds: float = 0.0) -> None:
        forget_worker(self._shared, number)
        self._pulses.begin(number)
        pid = os.fork()
        if pid:
            self._workers[pid] = (number, time.monotonic())
            return
        code = 1
        try:
            _end_with_parent()
            let_trace()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, set(_SIGNALS) - {signal.SIGHUP})
            # Waiting in the child leaves the parent free for the others; a signal ends the wait.
            time.sleep(after_seconds)
            self._be_worker(number)
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _be_worker(self, number: int) -> None:
        with live_telemetry(self._config.log, worker=number, share_in=self._shared) as telemetry:
            try:
                work(
                    self._config,
                    self._folder,
                    telemetry,
                    self._sockets,
                    reread=self._reread,
                    systemd=Pulse(self._pulses, number),
                    number=number,
                    is_behind=self._is_behind,
                )
            except (HilumError, OSError) as error:
                telemetry.emit(WorkerFailed(number, str(error)))
                raise

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def _end_with_parent() -> None:
    """Have this process killed when its parent dies.

    Nobody would watch over it any more, and it would keep the data folder from the next start. What
    was answered is safe against that.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _bind(config: Config) -> Sockets:
    dimse, web = config.sources.dimse, config.sources.web
    return Sockets(
        dimse=_listen("sources.dimse", dimse.host, dimse.port) if dimse.plain else [],
        dimse_tls=(_listen("sources.dimse.tls", dimse.host, dimse.tls.port) if dimse.tls else []),
        web=listen_for_web(web.host, web.port) if web.enabled and web.is_plain else [],
        web_tls=listen_for_web(web.host, web.tls.port, "sources.web.tls")
        if web.enabled and web.tls
        else [],
        bells=Bells(config.gateway.workers) if config.gateway.workers > 1 else None,
    )


def _listen(section: str, host: str, port: int) -> list[socket]:
    try:
        return list(listen(host, port))
    except OSError as error:
        raise Misconfigured(cannot_listen(section, host, port, error)) from error


def _raise_descriptor_limit() -> None:
    """Take as many descriptors as we may: each connection and each arriving payload needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
