import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import TestSupport
import Testing

@testable import LocalPage

@Suite("The page's files") struct PageAssetTests {
    static let folder = projectFolder + "/Sources/LocalPage/Page"
    static let scripts = PageAssets.own.filter { $0.path.hasSuffix(".js") }

    private func text(_ asset: PageAsset) -> String { String(buffer: asset.bytes) }

    private func request(_ fields: HTTPFields) -> Request {
        let head = HTTPRequest(
            method: .get,
            scheme: "http",
            authority: "gw",
            path: "/",
            headerFields: fields
        )
        return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
    }

    @Test("every file in the folder is served, and nothing twice")
    func whole() throws {
        let files = try #require(FileManager.default.enumerator(atPath: Self.folder))
            .compactMap { $0 as? String }.filter { $0.contains(".") }
        let served = PageAssets.own.map { $0.path == "/" ? "index.html" : $0.path }
        let wanted = files.map { $0 == "index.html" ? $0 : "/page/\($0)" }
        #expect(served.sorted() == wanted.sorted())
    }

    @Test("all files together are small")
    func size() {
        let total = PageAssets.own.reduce(0) { $0 + $1.bytes.readableBytes }
        #expect((50_000...Limits.pageBytes).contains(total), "\(total) bytes")
    }

    @Test("a file the browser has is not sent again, and another version of it is")
    func caching() throws {
        let asset = try #require(PageAssets.own.first)
        let first = asset.response(to: request([:]))
        #expect(first.status == .ok)
        let tag = try #require(first.headers[.eTag])
        let again = asset.response(to: request([.ifNoneMatch: "\"x\", \(tag)"]))
        #expect(again.status == .notModified)
        #expect(again.headers[.eTag] == tag)
        let other = PageAsset(path: "/", type: .html, bytes: Array("other".utf8))
        #expect(other.response(to: request([.ifNoneMatch: tag])).status == .ok)
    }

    @Test("no file makes markup or code of text", arguments: PageAssets.own.map(\.path))
    func textOnly(path: String) throws {
        let asset = try #require(PageAssets.own.first { $0.path == path })
        let source = text(asset)
        for word in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "srcdoc",
            "eval(", "Function(", "javascript:", "onclick=", "style=", "<style", "://",
        ] where !(word == "://" && path.hasSuffix(".svg")) {
            let foreign = source.replacing("http://www.w3.org/2000/svg", with: "")
            #expect(!foreign.contains(word), "\(path) holds \(word)")
        }
    }

    @Test("what a module imports is served", arguments: PageAssetTests.scripts.map(\.path))
    func imports(path: String) throws {
        let asset = try #require(Self.scripts.first { $0.path == path })
        let base = try #require(URL(string: "http://gw\(path)"))
        let paths = Set(PageAssets.own.map(\.path))
        for match in text(asset).matches(of: /from "([^"]+)";/) {
            let target = try #require(URL(string: String(match.1), relativeTo: base))
            #expect(paths.contains(target.path), "\(path) imports \(match.1)")
        }
    }

    @Test("Chart.js is taken from where it is installed, and its absence is no fault")
    func chart() throws {
        #expect(PageAssets.chart(at: "/nowhere/chart.js") == nil)
        let folder = try TemporaryFolder()
        #expect(PageAssets.chart(at: try folder.write("", to: "empty.js")) == nil)
        let large = String(repeating: "x", count: Limits.chartBytes + 1)
        #expect(PageAssets.chart(at: try folder.write(large, to: "large.js")) == nil)
        let asset = try #require(PageAssets.chart(at: PageSettings().chart))
        #expect(asset.bytes.readableBytes > 100_000)
        #expect(asset.path == "/chart.js")
    }
}
