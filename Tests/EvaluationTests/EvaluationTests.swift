import Testing

@testable import Evaluation

@Suite struct Placeholder {}
