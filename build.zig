//! Builds liblamina, the programs and the unit tests.
//!
//! Sources are found by folder: every src/<module>/*.c is part of the library, every
//! src/programs/<program>/*.c of that program, every tests/unit/<module>/test_*.c is a test program
//! of its own. The folders are declared as configure inputs, so a new file is noticed.
const std = @import("std");
const zon = @import("build.zig.zon");

const cflags = [_][]const u8{
    "-std=c23",             "-Wall",                     "-Wextra", "-Wpedantic",      "-Wshadow",
    "-Wconversion",         "-Wstrict-prototypes",       "-Wvla",   "-Wwrite-strings", "-Werror",
    "-fno-strict-aliasing",
    // debug information would name the checkout's folder
    "-fdebug-compilation-dir=.",
};
const modules = [_][]const u8{
    "base", "os", "text", "digest", "net", "archive", "db", "store", "python", "stack", "layer", "steps", "api",
};
// lamina-batch has a library of its own: it starts often, and without what only layers need
const runner_modules = [_][]const u8{ "base", "os", "text", "digest", "net", "db", "db/postgres", "batch", "fake" };
// these two are the runner's alone: their tests, and tools and benchmarks named after them, link its library
const runner_only = [_][]const u8{ "batch", "fake" };
// pkg-config names: a missing -dev package is an error that names it
const system_libs = [_][]const u8{
    "libarchive", "zlib", "liblzma", "libzstd", "libcrypto", "sqlite3", "libcurl", "jansson", "libutf8proc", "libdeflate",
};
const runner_system_libs = [_][]const u8{
    "libcurl", "sqlite3", "libpq", "libcrypto", "jansson", "libutf8proc", "libmicrohttpd", "libpcre2-8",
};

// Of this one only SHA-256 is used. Linked in, that needs no library where the program runs, and no start binds 21,000 addresses of it.
const linked_in = "libcrypto";

pub fn build(b: *std.Build) void {
    // Baseline CPU: the default is the builder's, whose instructions other machines may not know.
    const cx: Ctx = .{
        .b = b,
        .target = b.standardTargetOptions(.{ .default_target = .{ .cpu_model = .baseline } }),
        .optimize = b.standardOptimizeOption(.{}),
        .strip = b.option(bool, "strip", "Leave debug information out (default: false)") orelse false,
        .kill_points = b.option(bool, "kill-points", "Let tests end the program at named instants (default: false)") orelse false,
        .version_h = b.addConfigHeader(
            .{ .style = .blank, .include_path = "lamina/version.h", .include_guard = "LAMINA_VERSION_H" },
            .{ .LAMINA_VERSION = @as([]const u8, zon.version) },
        ),
    };

    const lib = cx.library("lamina", &modules, &system_libs);
    const runner = cx.library("lamina-runner", &runner_modules, &runner_system_libs);
    lib.installHeadersDirectory(b.path("include"), "", .{});
    lib.installConfigHeader(cx.version_h);
    b.installArtifact(lib);

    const common = cx.find("src/programs/common", "", ".c");
    const lamina = cx.exe("lamina", cx.join(common, cx.find("src/programs/lamina", "", ".c")), lib);
    lamina.pie = true;
    b.installArtifact(lamina);
    const batch = cx.exe("lamina-batch", cx.join(common, cx.find("src/programs/lamina-batch", "", ".c")), runner);
    batch.pie = true;
    b.installArtifact(batch);

    for (cx.find("man", "", ".1")) |page| b.installFile(page, b.fmt("share/man/man1/{s}", .{std.fs.path.basename(page)}));
    // the programs make their completions, where they can run
    const host = b.graph.host.result;
    if (cx.target.result.cpu.arch == host.cpu.arch and cx.target.result.os.tag == host.os.tag) {
        inline for (.{ .{ "bash", "bash-completion/completions/" }, .{ "zsh", "zsh/site-functions/_" } }) |shell| {
            for ([_]*std.Build.Step.Compile{ lamina, batch }) |program| {
                const run = b.addRunArtifact(program);
                run.addArgs(&.{ "completion", shell[0] });
                const to = b.fmt("share/" ++ shell[1] ++ "{s}", .{program.name});
                b.getInstallStep().dependOn(&b.addInstallFile(run.captureStdOut(.{}), to).step);
            }
        }
    }
    // for pkg-config: the library is static, so who links it links what it stands on
    const pc = b.addWriteFiles().add("lamina.pc", b.fmt(
        \\prefix=${{pcfiledir}}/../..
        \\
        \\Name: lamina
        \\Description: Reproducible layers of Python environments
        \\Version: {s}
        \\Requires: {s}
        \\Cflags: -I${{prefix}}/include
        \\Libs: -L${{prefix}}/lib -llamina -lpthread
        \\
    , .{ zon.version, std.mem.join(b.allocator, ", ", &system_libs) catch @panic("OOM") }));
    b.getInstallStep().dependOn(&b.addInstallFile(pc, "lib/pkgconfig/lamina.pc").step);

    // unit tests: installed to zig-out/tests, run by ./check (one closing line for all of them)
    const tests_step = b.step("unit-tests", "Build the unit tests into zig-out/tests");
    b.dependOnDirectoryContents(b.path("tests/unit")); // a module's first test brings its folder
    for (modules ++ runner_only) |m| {
        const folder = b.fmt("tests/unit/{s}", .{m});
        for (cx.find(folder, "test_", ".c")) |file| {
            const stem = std.fs.path.stem(file);
            const t = cx.exe(b.fmt("{s}_{s}", .{ m, stem }), &.{file}, if (ofRunner(m)) runner else lib);
            t.root_module.addIncludePath(b.path("tests/support"));
            t.root_module.linkSystemLibrary("cmocka", .{ .use_pkg_config = .force });
            tests_step.dependOn(&b.addInstallArtifact(t, .{ .dest_dir = .{ .override = .{ .custom = "tests" } } }).step);
        }
    }
    // helpers that tests drive from outside (toml-test decoder, archive tool, ...), one file each
    for (cx.find("tests/tools", "", ".c")) |file| {
        const stem = std.fs.path.stem(file);
        const t = cx.exe(stem, &.{file}, if (ofRunner(stem)) runner else lib);
        tests_step.dependOn(&b.addInstallArtifact(t, .{ .dest_dir = .{ .override = .{ .custom = "tests" } } }).step);
    }
    // fuzz targets as ordinary programs, for their corpora
    for (cx.find("tests/fuzz", "fuzz_", ".c")) |file| {
        const stem = std.fs.path.stem(file);
        const t = cx.exe(stem, &.{ file, "tests/fuzz/run.c" }, if (ofRunner(stem["fuzz_".len..])) runner else lib);
        tests_step.dependOn(&b.addInstallArtifact(t, .{ .dest_dir = .{ .override = .{ .custom = "tests" } } }).step);
    }
    // stands between a program and libc, see tests/faults
    const shim = b.addLibrary(.{ .name = "faults", .linkage = .dynamic, .root_module = cx.module(&.{"tests/faults/shim.c"}) });
    tests_step.dependOn(&b.addInstallArtifact(shim, .{ .dest_dir = .{ .override = .{ .custom = "tests" } } }).step);
    for (cx.find("bench", "", ".c")) |file| {
        const stem = std.fs.path.stem(file);
        const t = cx.exe(b.fmt("bench_{s}", .{stem}), &.{file}, if (ofRunner(stem)) runner else lib);
        b.step(b.fmt("bench-{s}", .{stem}), "Build a benchmark into zig-out/bench")
            .dependOn(&b.addInstallArtifact(t, .{ .dest_dir = .{ .override = .{ .custom = "bench" } } }).step);
    }
}

/// Is this module, or the program "<module>_..." for tests, one of the runner?
fn ofRunner(name: []const u8) bool {
    const first = std.mem.sliceTo(name, '_');
    for (runner_only) |m| if (std.mem.eql(u8, first, m)) return true;
    return false;
}

const Ctx = struct {
    b: *std.Build,
    target: std.Build.ResolvedTarget,
    optimize: std.builtin.Optimize,
    strip: bool,
    kill_points: bool,
    version_h: *std.Build.Step.ConfigHeader,

    /// The files of one folder whose names have this prefix and suffix, sorted; empty without the folder.
    fn find(cx: Ctx, folder: []const u8, prefix: []const u8, suffix: []const u8) []const []const u8 {
        const b = cx.b;
        const io = b.graph.io;
        var names: std.ArrayList([]const u8) = .empty;
        var dir = b.root.openDir(io, folder, .{ .iterate = true }) catch return &.{};
        defer dir.close(io);
        b.dependOnDirectoryContents(b.path(folder));
        var it = dir.iterate();
        while (it.next(io) catch @panic("cannot list a source folder")) |entry| {
            if (entry.kind != .file) continue;
            if (!std.mem.startsWith(u8, entry.name, prefix) or !std.mem.endsWith(u8, entry.name, suffix)) continue;
            names.append(b.allocator, b.fmt("{s}/{s}", .{ folder, entry.name })) catch @panic("OOM");
        }
        std.mem.sort([]const u8, names.items, {}, struct {
            fn less(_: void, x: []const u8, y: []const u8) bool {
                return std.mem.lessThan(u8, x, y);
            }
        }.less);
        return names.items;
    }

    fn join(cx: Ctx, x: []const []const u8, y: []const []const u8) []const []const u8 {
        return std.mem.concat(cx.b.allocator, []const u8, &.{ x, y }) catch @panic("OOM");
    }

    fn module(cx: Ctx, files: []const []const u8) *std.Build.Module {
        const b = cx.b;
        const m = b.createModule(.{
            .target = cx.target,
            .optimize = cx.optimize,
            .link_libc = true,
            .strip = cx.strip,
            // null would mean UBSan in Debug and traps in safe; sanitizers are those of misc/clang.mk
            .sanitize_c = .off,
        });
        m.addCSourceFiles(.{ .files = files, .flags = &cflags });
        m.addIncludePath(b.path("src"));
        m.addIncludePath(b.path("include"));
        m.addConfigHeader(cx.version_h);
        m.addCMacro("_GNU_SOURCE", "1");
        if (cx.kill_points) m.addCMacro("LM_KILL_POINTS", "1");
        return m;
    }

    fn library(cx: Ctx, name: []const u8, folders: []const []const u8, libs: []const []const u8) *std.Build.Step.Compile {
        const b = cx.b;
        b.dependOnDirectoryContents(b.path("src")); // a module's first file brings its folder
        var sources: []const []const u8 = &.{};
        for (folders) |m| sources = cx.join(sources, cx.find(b.fmt("src/{s}", .{m}), "", ".c"));
        const lib = b.addLibrary(.{ .name = name, .linkage = .static, .root_module = cx.module(sources) });
        for (libs) |l| lib.root_module.linkSystemLibrary(l, if (std.mem.eql(u8, l, linked_in))
            .{ .use_pkg_config = .force, .preferred_link_mode = .static, .search_strategy = .mode_first }
        else
            .{ .use_pkg_config = .force });
        return lib;
    }

    fn exe(cx: Ctx, name: []const u8, files: []const []const u8, lib: *std.Build.Step.Compile) *std.Build.Step.Compile {
        const m = cx.module(files);
        m.linkLibrary(lib);
        return cx.b.addExecutable(.{ .name = name, .root_module = m });
    }
};
