import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird

/// One file that a browser fetches to show the page.
struct PageAsset: Sendable {
    /// Where it is served.
    let path: String
    let type: String
    let bytes: ByteBuffer
    /// Says whether a browser still has these bytes: a hash of them, in quotes.
    let tag: String

    init(path: String, type: FileType, bytes: some Collection<UInt8>) {
        self.path = path
        self.type = type.rawValue
        self.bytes = ByteBuffer(bytes: bytes)
        tag = "\"\(bytes.count)-\(String(Self.hash(bytes), radix: 16))\""
    }

    /// The kinds of files that the page is made of.
    enum FileType: String {
        case html = "text/html; charset=utf-8"
        case css = "text/css; charset=utf-8"
        case script = "text/javascript; charset=utf-8"
        case svg = "image/svg+xml"
    }

    /// The file, or 304 where the browser has it already.
    ///
    /// A browser asks each time (`no-cache`), so that after an update no module meets an older one.
    func response(to request: Request) -> Response {
        let headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache", .eTag: tag]
        let known = request.headers[.ifNoneMatch] ?? ""
        let isKnown = known.split(separator: ",").contains { part in
            let part = part.trimmingCharacters(in: .whitespaces)
            return part == tag || part == "W/\(tag)"
        }
        guard !isKnown else { return Response(status: .notModified, headers: headers) }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: bytes))
    }

    /// FNV-1a of 64 bits: tells versions of a file apart, and guards against nobody.
    private static func hash(_ bytes: some Collection<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}

/// The files of the page: those compiled into the program, and Chart.js from the system.
enum PageAssets {
    /// The page's own files; together at most `Limits.pageBytes`.
    static let own: [PageAsset] =
        [
            PageAsset(path: "/", type: .html, bytes: PackageResources.index_html),
            PageAsset(path: "/page/icon.svg", type: .svg, bytes: PackageResources.icon_svg),
            PageAsset(path: "/page/theme.css", type: .css, bytes: PackageResources.theme_css),
            PageAsset(path: "/page/page.css", type: .css, bytes: PackageResources.page_css),
            PageAsset(path: "/page/parts.css", type: .css, bytes: PackageResources.parts_css),
        ]
        + [
            ("api", PackageResources.api_js),
            ("dom", PackageResources.dom_js),
            ("format", PackageResources.format_js),
            ("forms", PackageResources.forms_js),
            ("live", PackageResources.live_js),
            ("main", PackageResources.main_js),
            ("router", PackageResources.router_js),
            ("shapes", PackageResources.shapes_js),
            ("store", PackageResources.store_js),
            ("texts", PackageResources.texts_js),
            ("theme", PackageResources.theme_js),
            ("timeaxis", PackageResources.timeaxis_js),
            ("trendchart", PackageResources.trendchart_js),
            ("trendmarks", PackageResources.trendmarks_js),
            ("views/account", PackageResources.account_js),
            ("views/alerts", PackageResources.alerts_js),
            ("views/audit", PackageResources.audit_js),
            ("views/buses", PackageResources.buses_js),
            ("views/calibration", PackageResources.calibration_js),
            ("views/card", PackageResources.card_js),
            ("views/instrument", PackageResources.instrument_js),
            ("views/jobs", PackageResources.jobs_js),
            ("views/models", PackageResources.models_js),
            ("views/overview", PackageResources.overview_js),
            ("views/register", PackageResources.register_js),
            ("views/relay", PackageResources.relay_js),
            ("views/settings", PackageResources.settings_js),
            ("views/shell", PackageResources.shell_js),
            ("views/signin", PackageResources.signin_js),
            ("views/simulator", PackageResources.simulator_js),
            ("views/status", PackageResources.status_js),
            ("views/trend", PackageResources.trend_js),
            ("views/users", PackageResources.users_js),
        ].map { PageAsset(path: "/page/\($0).js", type: .script, bytes: $1) }

    /// Chart.js as `/chart.js`, from the file at `path`; nil where there is none, or one too large.
    ///
    /// It is read once, at start. Without it the page works and says in place of a trend what to
    /// install.
    static func chart(at path: String) -> PageAsset? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        guard let data = try? file.read(upToCount: Limits.chartBytes + 1),
            !data.isEmpty, data.count <= Limits.chartBytes
        else { return nil }
        return PageAsset(path: "/chart.js", type: .script, bytes: data)
    }
}
